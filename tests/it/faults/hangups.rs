//! Clients that hang up while they are served: what they began is done to its end, or not at all.
//!
//! A database that another process locks holds a request up for as long as the test likes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastbuild::settings::Settings;
use fastbuild::site::{HostOrder, PublicHost};
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::Semaphore;

use super::hand::plain;
use super::table::{CLIENT_HANGS_UP, TASK_OF_NOBODY};
use crate::lab;
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, Receiver, TestService, wait_for};

const LIMIT: Duration = Duration::from_secs(90);
const PATIENCE: Duration = Duration::from_secs(1);

/// A configured service with one slot.
async fn service_over(engine: ScriptedEngine) -> (TestService, Arc<ScriptedEngine>) {
    let (engine, directory) = (Arc::new(engine), Arc::new(tempfile::tempdir().unwrap()));
    let change = |settings: &mut Settings| settings.build.max_concurrent = 1;
    let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(engine.clone()))).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    (service, engine)
}

/// A task that builds until the gate has permits, and one that waits for its slot.
struct Queue {
    service: TestService,
    engine: Arc<ScriptedEngine>,
    receiver: Receiver,
    running: i64,
    waiting: i64,
}

impl Queue {
    async fn start() -> Self {
        let gate = Some(Semaphore::new(0));
        let (service, engine) = service_over(ScriptedEngine { gate, ..ScriptedEngine::default() }).await;
        let receiver = Receiver::start().await;
        let request = || plain(&lab::base("scripted:1"), &lab::unique_name("hang-up"), &receiver.url).build();
        let running = service.submit(&request()).await;
        let waiting = service.submit(&request()).await;
        let queue = Self { service, engine, receiver, running, waiting };
        queue.in_state(running, "BUILDING").await;
        queue
    }

    async fn task(&self, task_id: i64) -> Value {
        self.service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await.1["data"].clone()
    }

    async fn in_state(&self, task_id: i64, state: &str) {
        wait_for(state, LIMIT, || async { (self.task(task_id).await["state"] == state).then_some(()) }).await;
    }

    /// The task ends as one that was cancelled, and its end is told.
    async fn is_cancelled(&self, task_id: i64) -> Value {
        let task = self.service.end_of(task_id, LIMIT).await;
        assert_eq!((&task["state"], &task["cause"]), (&json!("BUILD_ABORT"), &json!("CANCELLED")), "{task:#}");
        assert_eq!(self.receiver.wait(task_id).await.body["state"], "BUILD_ABORT");
        task
    }

    /// The task is pushed after one attempt, once the gate is open.
    async fn is_pushed(&self, task_id: i64) {
        self.engine.gate.as_ref().unwrap().add_permits(1);
        let task = self.service.end_of(task_id, LIMIT).await;
        assert_eq!((&task["state"], &task["attempts"]), (&json!("PUSH_SUCCESS"), &json!(1)), "{task:#}");
    }
}

/// The service's database as another process has it.
async fn database(service: &TestService) -> SqliteConnection {
    let file = service.directory.path().join("data/fastbuild.sqlite3");
    SqliteConnection::connect(&format!("sqlite://{}", file.display())).await.unwrap()
}

async fn run(database: &mut SqliteConnection, statement: &'static str) {
    sqlx::query(statement).execute(database).await.unwrap();
}

/// Posts, and closes the connection when no answer has come after a moment.
async fn hang_up(service: &TestService, path: &str) {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let answer = client.post(format!("{}/api/fast-build{path}", service.url)).send().await;
    assert!(answer.is_err_and(|error| error.is_timeout()), "it was answered");
    drop(client);
    // The service hears of it by its socket.
    tokio::time::sleep(PATIENCE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_is_done_although_its_client_hangs_up() {
    let queue = Queue::start().await;
    let mut other = database(&queue.service).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    for task_id in [queue.waiting, queue.running] {
        hang_up(&queue.service, &format!("/task/cancel-task?task_id={task_id}")).await;
        assert!(!queue.task(task_id).await["state"].as_str().unwrap().ends_with("ABORT"), "the lock held nobody");
    }
    run(&mut other, "ROLLBACK").await;
    for task_id in [queue.waiting, queue.running] {
        let task = queue.is_cancelled(task_id).await;
        assert_eq!((&task["state"], &task["cause"]), (&json!(CLIENT_HANGS_UP.state), &json!(CLIENT_HANGS_UP.cause)));
    }
    queue.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_whose_end_cannot_be_stored_waits_until_it_can() {
    let queue = Queue::start().await;
    let mut other = database(&queue.service).await;
    run(&mut other, "CREATE TRIGGER held BEFORE UPDATE OF is_ended ON task BEGIN SELECT RAISE(ABORT, 'held'); END")
        .await;
    hang_up(&queue.service, &format!("/task/cancel-task?task_id={}", queue.waiting)).await;
    assert_eq!(queue.task(queue.waiting).await["state"], "QUEUED", "nobody has taken it");
    run(&mut other, "DROP TRIGGER held").await;
    let task = queue.is_cancelled(queue.waiting).await;
    assert_eq!((&task["failed_stage"], &task["attempts"]), (&Value::Null, &json!(0)), "it never began");
    queue.is_pushed(queue.running).await;
    queue.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancellation_that_was_stored_and_not_heard_is_said_again() {
    let queue = Queue::start().await;
    let mut other = database(&queue.service).await;
    run(&mut other, "UPDATE task SET cancel_requested = 1 WHERE state = 'BUILDING'").await;
    assert_eq!(queue.is_cancelled(queue.running).await["failed_stage"], "build");
    queue.is_pushed(queue.waiting).await;
    queue.service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_nobody_works_on_waits_again_and_no_other_does() {
    let queue = Queue::start().await;
    let mut other = database(&queue.service).await;
    run(&mut other, "UPDATE task SET state = 'STARTED' WHERE state = 'QUEUED'").await;
    queue.in_state(queue.waiting, "QUEUED").await;
    queue.is_pushed(queue.running).await;
    queue.is_pushed(queue.waiting).await;
    assert_eq!(queue.task(queue.waiting).await["state"], TASK_OF_NOBODY.state);
    let interruptions = "SELECT interruptions FROM task ORDER BY primary_id";
    let interruptions: Vec<(i64,)> = sqlx::query_as(interruptions).fetch_all(&mut other).await.unwrap();
    assert_eq!(interruptions, [(0,), (1,)]);
    assert_eq!(queue.engine.pushes.load(Ordering::SeqCst), 2);
    queue.service.stop().await;
}

#[tokio::test]
async fn a_configuration_that_is_stored_is_in_force_although_its_client_hangs_up() {
    let service = TestService::start().await;
    let (site, store) = (service.state.site.clone(), service.state.store.clone());
    let order = HostOrder { host: "10.1.2.3".to_owned(), port: 4_711 };
    let mut call = Box::pin(site.update_host(&order));
    // What a server does with a request whose client is gone, at the worst moment.
    while futures_util::poll!(&mut call).is_pending() {
        if store.hosts(1).await.unwrap()[0].host_ip == order.host {
            break;
        }
    }
    drop(call);
    let configured = Some(PublicHost { host: order.host.clone(), port: order.port });
    wait_for("the host", LIMIT, || async { (site.host() == configured).then_some(()) }).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_that_is_sent_again_is_recorded_although_its_client_hangs_up() {
    let (service, _) = service_over(ScriptedEngine::default()).await;
    let receiver = Receiver::start().await;
    let request = plain(&lab::base("scripted:1"), &lab::unique_name("hang-up"), &receiver.url).build();
    let task_id = service.build(&request, LIMIT).await["task_id"].as_i64().unwrap();
    let recorded = async |count: usize| {
        wait_for("the record", LIMIT, || async {
            let (_, answer) = service.get("/callback/all").await;
            (answer["data"].as_array().unwrap().len() == count).then_some(())
        })
        .await;
    };
    recorded(1).await;
    let mut other = database(&service).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    hang_up(&service, "/callback/test-callback").await;
    assert_eq!(receiver.of_task(task_id).len(), 2);
    run(&mut other, "ROLLBACK").await;
    recorded(2).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_offered_is_pulled_although_its_client_hangs_up() {
    let (service, _) = service_over(ScriptedEngine { base_is_absent: true, ..ScriptedEngine::default() }).await;
    let base = lab::base("scripted:1");
    let mut other = database(&service).await;
    run(&mut other, "BEGIN IMMEDIATE").await;
    hang_up(&service, &format!("/image/add-base-image?image_name={base}")).await;
    run(&mut other, "ROLLBACK").await;
    wait_for("the base", LIMIT, || async {
        let (_, answer) = service.get("/image/list-all").await;
        let rows = answer["data"].as_array().cloned().unwrap_or_default();
        rows.iter().any(|row| row["name"] == base.name() && row["id"] != "").then_some(())
    })
    .await;
    service.stop().await;
}
