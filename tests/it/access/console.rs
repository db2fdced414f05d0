//! The console of a closed service: a login, a cookie that no script reads, and changes only from its own pages.

use fastbuild::access::Role;
use fastbuild::settings::AccessMode;
use reqwest::header::{ACCEPT, COOKIE, HeaderMap};
use reqwest::{Method, Response};
use serde_json::json;

use super::house::{House, envelope};

/// Somebody who is logged in: the cookie, and what their pages know.
struct Session {
    cookie: String,
    csrf: String,
}

async fn enter(house: &House, token: &str, back: &str) -> Response {
    let form = [("token", token), ("back", back)];
    house.request(Method::POST, "/console/login").form(&form).send().await.unwrap()
}

fn location(answer: &Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

fn set_cookie(headers: &HeaderMap) -> String {
    headers["set-cookie"].to_str().unwrap().to_owned()
}

async fn page(house: &House, cookie: &str, path: &str) -> (u16, String) {
    let request = house.request(Method::GET, path).header(ACCEPT, "text/html").header("Accept-Language", "en");
    let answer = request.header(COOKIE, cookie).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn log_in(house: &House, token: &str) -> Session {
    let answer = enter(house, token, "/").await;
    assert_eq!(answer.status(), 303);
    let cookie = set_cookie(answer.headers()).split(';').next().unwrap().to_owned();
    let (status, html) = page(house, &cookie, "/").await;
    assert_eq!(status, 200, "{html}");
    let csrf = html.split("data-csrf=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    assert!(csrf.len() > 30, "{csrf}");
    Session { cookie, csrf }
}

#[tokio::test]
async fn a_person_is_led_to_the_login_and_back() {
    let house = House::closed().await;
    let token = house.token("ann", Role::Submit).await;
    for (path, goal) in [
        ("/", "/console/login"),
        ("/console/images?page=2", "/console/login?back=%2Fconsole%2Fimages%3Fpage%3D2"),
        ("/docs/", "/console/login?back=%2Fdocs%2F"),
    ] {
        let answer = house.request(Method::GET, path).header(ACCEPT, "text/html,*/*").send().await.unwrap();
        assert_eq!((answer.status().as_u16(), location(&answer)), (303, goal), "{path}");
    }
    for (language, words) in [("en", "Log in"), ("zh-CN", "登录")] {
        let request =
            house.request(Method::GET, "/console/login?back=/console/images").header("Accept-Language", language);
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("form-action 'self'"));
        let html = answer.text().await.unwrap();
        assert!(
            html.contains(words) && html.contains("type=\"password\"") && html.contains("value=\"/console/images\""),
            "{html}"
        );
        assert!(!html.contains("/console/configuration"), "nobody in particular sees no navigation");
    }
    assert_eq!(house.request(Method::GET, "/console/static/console.css").send().await.unwrap().status(), 200);
    let answer = enter(&house, &token, "/console/images").await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "/console/images"));
    for elsewhere in ["https://evil.example/", "//evil.example", "/\\evil.example"] {
        assert_eq!(enter(&house, &token, elsewhere).await.headers()["location"], "/", "{elsewhere}");
    }
    house.stop().await;
}

#[tokio::test]
async fn the_cookie_is_for_the_browser_alone() {
    for (public_url, is_secure) in [("", false), ("https://builds.example.cn", true)] {
        let house = House::start_with(|settings| {
            settings.access.mode = AccessMode::Token;
            settings.fb.public_url = public_url.to_owned();
            settings.access.session_hours = 2;
        })
        .await;
        let token = house.token("ann", Role::Submit).await;
        let answer = enter(&house, &token, "/").await;
        let cookie = set_cookie(answer.headers());
        for flag in ["; HttpOnly", "; SameSite=Lax", "; Path=/", "; Max-Age=7200"] {
            assert!(cookie.contains(flag), "{cookie}");
        }
        assert_eq!(cookie.contains("; Secure"), is_secure, "{cookie}");
        assert!(!cookie.contains(&token) && !cookie.contains(&token[4..20]), "the cookie is not the token");
        let wrong = enter(&house, "fbt_wrong", "/").await;
        assert_eq!(wrong.status(), 401);
        assert!(wrong.headers().get("set-cookie").is_none());
        house.stop().await;
    }
}

#[tokio::test]
async fn wrong_logins_are_limited_in_rate_and_right_ones_are_not() {
    let house = House::start_with(|settings| {
        settings.access.mode = AccessMode::Token;
        settings.access.login_attempts = 3;
    })
    .await;
    let token = house.token("ann", Role::Submit).await;
    for _ in 0..3 {
        assert_eq!(enter(&house, "wrong", "/").await.status(), 401);
    }
    let refused = enter(&house, "wrong", "/").await;
    assert_eq!(refused.status(), 429);
    let seconds: u32 = refused.headers()["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=61).contains(&seconds), "{seconds}");
    // Somebody else behind the same proxy.
    for _ in 0..5 {
        let entered = enter(&house, &token, "/").await;
        assert_eq!(entered.status(), 303);
        assert!(set_cookie(entered.headers()).contains("HttpOnly"));
    }
    assert_eq!(enter(&house, "wrong", "/").await.status(), 429, "a right one does not begin the count again");
    assert_eq!(house.status(&token, "/task/queued-tasks").await, 200, "the API is not the login");
    house.stop().await;
}

#[tokio::test]
async fn a_change_needs_what_only_our_pages_know() {
    let house = House::closed().await;
    let token = house.token("ann", Role::Submit).await;
    let session = log_in(&house, &token).await;
    let task = house.add_task("h/a:1", "ann").await;
    let path = format!("/api/fast-build/task/cancel-task?task_id={}", task.task_id);
    let other = log_in(&house, &token).await;
    let host = house.address.to_string();
    let own = format!("http://{host}");
    for (headers, status) in [
        (vec![], 403),
        (vec![("X-CSRF-Token", "")], 403),
        (vec![("X-CSRF-Token", "wrong")], 403),
        (vec![("X-CSRF-Token", other.csrf.as_str())], 403),
        (vec![("X-CSRF-Token", session.csrf.as_str()), ("Origin", "http://evil.example")], 403),
        (vec![("X-CSRF-Token", session.csrf.as_str()), ("Sec-Fetch-Site", "same-site")], 403),
        (vec![("Content-Type", "application/x-www-form-urlencoded")], 403),
        (vec![("X-CSRF-Token", session.csrf.as_str()), ("Origin", own.as_str())], 200),
    ] {
        let mut request = house.request(Method::POST, &path).header(COOKIE, &session.cookie);
        for (name, value) in &headers {
            request = request.header(*name, *value);
        }
        assert_eq!(request.send().await.unwrap().status(), status, "{headers:?}");
    }
    // Reading needs no more than the cookie; so does what a page shows.
    let answer = house.request(Method::GET, "/api/fast-build/task/all-tasks").header(COOKIE, &session.cookie);
    assert_eq!(answer.send().await.unwrap().status(), 200);
    house.stop().await;
}

#[tokio::test]
async fn a_logout_and_a_revocation_end_sessions() {
    let house = House::closed().await;
    let token = house.token("ann", Role::Submit).await;
    let (first, second) = (log_in(&house, &token).await, log_in(&house, &token).await);
    let leave = async |cookie: &str, csrf: &str| {
        let request = house.request(Method::POST, "/console/logout").header(COOKIE, cookie).form(&[("csrf", csrf)]);
        request.send().await.unwrap()
    };
    assert_eq!(leave(&first.cookie, "wrong").await.status(), 403);
    assert_eq!(page(&house, &first.cookie, "/").await.0, 200);
    let left = leave(&first.cookie, &first.csrf).await;
    assert_eq!((left.status().as_u16(), location(&left)), (303, "/console/login"));
    assert!(set_cookie(left.headers()).contains("Max-Age=0"));
    assert_eq!(page(&house, &first.cookie, "/").await.0, 303, "the cookie alone is worth nothing any more");
    assert_eq!(page(&house, &second.cookie, "/").await.0, 200, "another session goes on");
    fastbuild::access::revoke_token(&house.state.store, house.state.clock.as_ref(), "ann").await.unwrap();
    assert_eq!(page(&house, &second.cookie, "/").await.0, 303);
    house.stop().await;
}

#[tokio::test]
async fn a_session_ends_by_itself() {
    let house = House::start_with(|settings| {
        settings.access.mode = AccessMode::Token;
        settings.access.session_hours = 0;
    })
    .await;
    let token = house.token("ann", Role::Submit).await;
    let cookie = set_cookie(enter(&house, &token, "/").await.headers()).split(';').next().unwrap().to_owned();
    assert_eq!(page(&house, &cookie, "/").await.0, 303);
    house.stop().await;
}

#[tokio::test]
async fn pages_show_what_is_the_callers_own() {
    let house = House::closed().await;
    let (mine, theirs) = (house.add_task("h/team/mine:1", "ann").await, house.add_task("h/team/theirs:1", "bob").await);
    let submit = log_in(&house, &house.token("ann", Role::Submit).await).await;
    let read = log_in(&house, &house.token_of("ann-reads", "ann", Role::Read).await).await;
    let root = log_in(&house, &house.root().await).await;
    let (_, html) = page(&house, &submit.cookie, "/").await;
    assert!(html.contains("team/mine:1") && !html.contains("team/theirs:1"), "{html}");
    assert!(html.contains("/console/new") && !html.contains("/console/tokens") && html.contains("ann"), "{html}");
    assert!(!page(&house, &read.cookie, "/").await.1.contains("href=\"/console/new\""));
    let (_, html) = page(&house, &root.cookie, "/").await;
    assert!(html.contains("team/theirs:1") && html.contains("/console/tokens"), "{html}");
    let path = |id: i64| format!("/console/tasks/{id}");
    assert_eq!(page(&house, &submit.cookie, &path(mine.task_id)).await.0, 200);
    assert_eq!(page(&house, &submit.cookie, &path(theirs.task_id)).await.0, 404);
    let (_, html) = page(&house, &submit.cookie, &format!("/console/new?from={}", theirs.task_id)).await;
    assert!(!html.contains("team/theirs") && !html.contains("Filled in from task"), "{html}");
    for (path, session, status) in [
        ("/console/new", &read, 403),
        ("/console/configuration", &submit, 403),
        ("/console/callbacks", &submit, 403),
        ("/console/tokens", &submit, 403),
        ("/console/tokens", &root, 200),
        ("/console/nowhere", &submit, 404),
    ] {
        assert_eq!(page(&house, &session.cookie, path).await.0, status, "{path}");
    }
    house.stop().await;
}

#[tokio::test]
async fn an_administrator_makes_and_revokes_tokens() {
    let house = House::closed().await;
    let session = log_in(&house, &house.root().await).await;
    let act = async |path: &str, body: serde_json::Value| {
        let request =
            house.request(Method::POST, path).header(COOKIE, &session.cookie).header("X-CSRF-Token", &session.csrf);
        envelope(request.header("Accept-Language", "en").json(&body).send().await.unwrap()).await
    };
    let made =
        act("/console/tokens/create", json!({"name": "ci", "user": "", "role": "submit", "expires_days": 3})).await;
    let token = made["data"]["token"].as_str().expect("a token").to_owned();
    assert_eq!(house.status(&token, "/task/queued-tasks").await, 200);
    for (body, words) in [
        (json!({"name": "ci", "role": "read"}), "already"),
        (json!({"name": "a b", "role": "read"}), "letters"),
        (json!({"name": "x", "role": "read", "expires_days": 0}), "days"),
    ] {
        let refused = act("/console/tokens/create", body).await;
        assert!(refused["code"] == -1 && refused["msg"].as_str().unwrap().contains(words), "{refused}");
    }
    let (_, html) = page(&house, &session.cookie, "/console/tokens").await;
    assert!(html.contains(">ci<") && !html.contains(&token), "{html}");
    let id = house.state.store.access_tokens().await.unwrap().iter().find(|row| row.name == "ci").unwrap().primary_id;
    assert_eq!(act("/console/tokens/revoke", json!({"primary_id": id})).await["code"], 0);
    assert_eq!(act("/console/tokens/revoke", json!({"primary_id": id})).await["code"], -1);
    assert_eq!(house.status(&token, "/task/queued-tasks").await, 401);
    house.stop().await;
}
