//! A stream of events ends with what opened it.

use std::time::Duration;

use fastbuild::access::{Proof, Role, revoke_token};
use fastbuild::clock::Moment;
use fastbuild::settings::AccessMode;
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName};
use reqwest::{Method, Response};
use secrecy::{ExposeSecret, SecretString};

use super::house::{House, bearer};

/// More than one look of the service at whom it streams to.
const LIMIT: Duration = Duration::from_secs(30);

async fn watch(house: &House, task_id: i64, header: (HeaderName, String)) -> Response {
    let request = house.request(Method::GET, &format!("/api/fast-build/task/events?task_id={task_id}"));
    let answer = request.header(header.0, header.1).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    answer
}

/// What comes until a stream closes by itself.
async fn rest(stream: Response) -> String {
    tokio::time::timeout(LIMIT, stream.text()).await.expect("the stream must end").unwrap()
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked_or_its_session_ends() {
    // No disk has so much room, so that the task waits and ends nothing by itself.
    let house = House::start_with(|settings| {
        settings.access.mode = AccessMode::Token;
        settings.retention.own_free_gb = 1e9;
    })
    .await;
    let (ann, kept) = (house.token("ann", Role::Read).await, house.token_of("kept", "ann", Role::Read).await);
    let task_id = house.add_task("h/a:1", "ann").await.task_id;
    let session = house.state.access.begin_session(&SecretString::from(kept.as_str())).await.unwrap().unwrap();
    let cookie = format!("fastbuild_session={}", session.text.expose_secret());
    let revoked = watch(&house, task_id, (AUTHORIZATION, bearer(&ann))).await;
    let logged_out = watch(&house, task_id, (COOKIE, cookie)).await;
    let goes_on = watch(&house, task_id, (AUTHORIZATION, bearer(&kept))).await;
    let (store, clock) = (&house.state.store, house.state.clock.as_ref());
    revoke_token(store, clock, "ann").await.unwrap();
    house.state.access.end_session(&session.text).await.unwrap();
    let (revoked, logged_out) = tokio::join!(rest(revoked), rest(logged_out));
    assert!(!revoked.contains("event: end") && !logged_out.contains("event: end"), "the task goes on");
    let last = tokio::time::timeout(Duration::from_secs(1), goes_on.text()).await;
    assert!(last.is_err(), "the other one's goes on: {last:?}");

    let later = clock.now().plus_seconds(60);
    for (expires, is_good) in [(Moment(1), false), (later, true)] {
        assert_eq!(house.state.access.still_admits(&Proof::Link { expires }).await.unwrap(), is_good);
    }
    house.stop().await;
}
