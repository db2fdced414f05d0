//! Cancelling in every state, confirmed at the daemon within ten seconds.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use fastbuild::engine::{AskDaemon, Builder};
use fastbuild::image::ImageReference;
use fastbuild::settings::Settings;
use serde_json::{Value, json};

use crate::lab;
use crate::support::proxy::{FaultProxy, Mode, Upstream};
use crate::support::scripted::{Hook, ScriptedConnector, ScriptedEngine};
use crate::support::sockets::held_by_others;
use crate::support::{Configuration, Receiver, RequestShape, TestService, docker_text, forget, wait_for};

const LIMIT: Duration = Duration::from_mins(2);
/// What the daemon is given to let go.
const CONFIRMED_WITHIN: Duration = Duration::from_secs(10);

/// Cancels a task and waits until the daemon has let go and the end is told.
async fn cancel<F: Future<Output = bool>>(
    service: &TestService,
    receiver: &Receiver,
    task_id: i64,
    has_let_go: impl Fn() -> F,
) -> Value {
    let start = Instant::now();
    let (_, answer) = service.post_empty(&format!("/task/cancel-task?task_id={task_id}")).await;
    assert_eq!(answer["code"], 0, "{answer}");
    wait_for("the daemon to let go", LIMIT, || async { has_let_go().await.then_some(()) }).await;
    let confirmed = start.elapsed();
    assert!(confirmed <= CONFIRMED_WITHIN, "confirmed after {confirmed:?}");
    let task = service.end_of(task_id, LIMIT).await;
    assert_eq!((&task["state"], &task["cause"]), (&json!("BUILD_ABORT"), &json!("CANCELLED")), "{task:#}");
    assert_eq!(receiver.wait(task_id).await.body["state"], "BUILD_ABORT");
    task
}

/// Says that the daemon was let go of, when it is dropped.
struct LetGo(Arc<AtomicBool>);

impl Drop for LetGo {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_waits_and_one_in_each_stage_are_let_go_at_once() {
    let receiver = Receiver::start().await;
    for (stage, log) in [("pull", "pulling"), ("check", ""), ("prepare", ""), ("build", ""), ("push", "pushing")] {
        let (is_reached, has_let_go) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let hook: Hook = {
            let (is_reached, has_let_go) = (is_reached.clone(), has_let_go.clone());
            Box::new(move |called| {
                let guard = (called == stage).then(|| LetGo(has_let_go.clone()));
                let is_reached = is_reached.clone();
                Box::pin(async move {
                    if guard.is_some() {
                        is_reached.store(true, Ordering::SeqCst);
                        std::future::pending::<()>().await;
                    }
                })
            })
        };
        let engine = ScriptedEngine { hook: Some(hook), base_is_absent: true, ..ScriptedEngine::default() };
        let change = |settings: &mut Settings| settings.build.max_concurrent = 1;
        let directory = Arc::new(tempfile::tempdir().unwrap());
        let service = TestService::start_over(directory, change, Arc::new(ScriptedConnector(Arc::new(engine)))).await;
        assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
        let request =
            || RequestShape::platform(&lab::base("scripted:1"), &lab::unique_name("cancel"), &receiver.url).build();
        let running = service.submit(&request()).await;
        wait_for("the stage", LIMIT, || async { is_reached.load(Ordering::SeqCst).then_some(()) }).await;
        let waiting = service.submit(&request()).await;
        let task = cancel(&service, &receiver, waiting, || async { true }).await;
        assert_eq!((&task["failed_stage"], &task["attempts"]), (&Value::Null, &json!(0)), "it never began");
        let task = cancel(&service, &receiver, running, || async { has_let_go.load(Ordering::SeqCst) }).await;
        assert_eq!(task["failed_stage"], stage, "{task:#}");
        if !log.is_empty() {
            let text = service.text(&format!("/task/{}/{stage}.log", task["work_dir_name"].as_str().unwrap())).await;
            assert!(text.contains(log), "{text}");
        }
        service.stop().await;
    }
}

/// Waits until the daemon moves a layer through a slow proxy.
async fn is_moving(proxy: &FaultProxy) {
    let before = proxy.moved_bytes();
    wait_for("a layer to move", LIMIT, || async {
        let moved = proxy.moved_bytes() - before;
        (moved > (192 << 10) && held_by_others(proxy.address.port()) > 0).then_some(())
    })
    .await;
}

/// Whether the daemon has closed every connection to the registry, begins none, and nothing of a layer moves: what this
/// service itself asks the registry is less than a piece of one.
async fn has_let_go(proxy: &FaultProxy) -> bool {
    let before = proxy.moved_bytes();
    for _ in 0..10 {
        if held_by_others(proxy.address.port()) > 0 {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    proxy.moved_bytes() - before < 32 << 10
}

/// A megabyte a second. A daemon that pushes is held by the kernel, which takes some megabytes to send and then tells it
/// of room only once a third of them has left: on a line that is ten times slower it lets go after about eleven seconds.
const SLOW: Mode = Mode::Delay(Duration::from_millis(60));

#[tokio::test(flavor = "multi_thread")]
async fn a_real_daemon_lets_go_of_a_pull_and_of_a_push() {
    let proxy = FaultProxy::start(Upstream::Tcp(lab::registry().to_string().parse().unwrap())).await;
    let through_proxy = |image: &ImageReference| -> ImageReference {
        format!("{}/{}:{}", proxy.address, image.repository(), image.tag_or_latest()).parse().unwrap()
    };
    // A layer that cannot be made smaller on its way.
    let engine = lab::engine().await;
    let (base, large) = (lab::base("debian:12"), lab::unique_name("large"));
    lab::have(engine.as_ref(), &base).await;
    let mut order = lab::order(Builder::Classic, &format!("FROM {base}\nCOPY noise /noise\n"), &[&large]);
    let mut noise = vec![0_u8; 24 << 20];
    rand::Rng::fill_bytes(&mut rand::rng(), &mut noise);
    order.context.push(lab::file("noise", noise));
    engine.build(&order, &lab::Events::default()).await.expect("a large image");
    engine.push(&large, Some(&lab::account()), &AskDaemon, &lab::Events::default()).await.expect("push");
    assert!(engine.remove_image(&large.to_string()).await.unwrap());

    let service = TestService::start().await;
    let configuration = Configuration::default().with("harbor_registry_dns", &proxy.address.to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let receiver = Receiver::start().await;
    proxy.set(SLOW);
    let pulled = through_proxy(&large);
    let request = RequestShape::platform(&pulled, &lab::unique_name("cancel"), &receiver.url).build();
    let task_id = service.submit(&request).await;
    is_moving(&proxy).await;
    let task = cancel(&service, &receiver, task_id, || has_let_go(&proxy)).await;
    assert_eq!(task["failed_stage"], "pull");
    assert_eq!(engine.inspect_image(&pulled.to_string()).await.unwrap().map(|_| ()), None, "nothing has its name");

    // The same layer in a repository that has none of it.
    proxy.set(Mode::Pass);
    lab::have(engine.as_ref(), &large).await;
    let repository = format!("test/cancel-{}", lab::unique_name("x").tag_or_latest());
    let target: ImageReference = format!("{}/{repository}:1", proxy.address).parse().unwrap();
    let request = RequestShape::platform(&large, &target, &receiver.url);
    let task_id = service.submit(&request.edit(|document| document["force"] = json!(true)).build()).await;
    service.wait_for_log(task_id, "build", "built sha256:").await;
    proxy.set(SLOW);
    service.wait_for_log(task_id, "push", "pushing").await;
    is_moving(&proxy).await;
    let task = cancel(&service, &receiver, task_id, || has_let_go(&proxy)).await;
    assert_eq!(task["failed_stage"], "push");
    proxy.set(Mode::Pass);
    let stored: ImageReference = format!("{}/{repository}:1", lab::registry()).parse().unwrap();
    let account = lab::account();
    assert_eq!(engine.resolve_digest(&stored, Some(&account)).await.unwrap(), None, "nothing was pushed");
    forget(&target).await;
    forget(&large).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_daemon_loses_the_probe_of_a_check() {
    let engine = lab::engine().await;
    let (base, slow) = (lab::base("debian:12"), lab::unique_name("slow-shell"));
    lab::have(engine.as_ref(), &base).await;
    let dockerfile = format!(
        "FROM {base}\nCOPY --chmod=755 sh /usr/local/slow-sh\nRUN [\"/bin/ln\", \"-sf\", \"/usr/local/slow-sh\", \"/bin/sh\"]\n"
    );
    let mut order = lab::order(Builder::BuildKit, &dockerfile, &[&slow]);
    let mut script = lab::file("sh", "#!/bin/bash\nsleep 600\n");
    script.mode = 0o755;
    order.context.push(script);
    let built = engine.build(&order, &lab::Events::default()).await.expect("a base with a slow shell");
    // Accepting looks into a base that is there as well, so its limit is short.
    let service = TestService::configured_with(|settings| settings.limits.inspect_seconds = 10).await;
    let receiver = Receiver::start().await;
    let task_id =
        service.submit(&RequestShape::platform(&slow, &lab::unique_name("cancel"), &receiver.url).build()).await;
    let image = built.image_id.to_string();
    let probes = || async {
        let filter = format!("ancestor={image}");
        docker_text(&["ps", "--all", "--quiet", "--filter", "label=fastbuild.service", "--filter", &filter]).await
    };
    wait_for("the probe", LIMIT, || async {
        let (_, answer) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
        (answer["data"]["state"] == "PULL_SUCCESS" && !probes().await.is_empty()).then_some(())
    })
    .await;
    let task = cancel(&service, &receiver, task_id, || async { probes().await.is_empty() }).await;
    assert_eq!(task["failed_stage"], "check");
    forget(&slow).await;
    service.stop().await;
}
