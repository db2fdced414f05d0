//! Lists of what is installed: hostile images, absent ones, and many who ask at once.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use fastbuild::engine::Builder;
use fastbuild::image::{Digest, ImageReference};
use fastbuild::store::{ImageType, NewImage, NewTask};
use fastbuild::task::TaskState;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::lab;
use crate::support::proxy::{FaultProxy, Mode};
use crate::support::scripted::{ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, TestService, forget, wait_for};

const LIMIT: Duration = Duration::from_secs(30);

/// Records a task of any state, and the image that it pushed; its number.
async fn record(service: &TestService, target: &ImageReference, image_id: &Digest, end: Option<TaskState>) -> i64 {
    let (store, now) = (&service.state.store, service.state.clock.now());
    let task = NewTask {
        name: String::new(),
        base_image_name: lab::base("debian:12").to_string(),
        target_image_name: target.to_string(),
        target_key: target.to_string(),
        description: String::new(),
        request_document: "{}".to_owned(),
        secrets_sealed: String::new(),
        work_dir_name: now.as_directory_name(&service.state.settings.fb.time_zone.0),
        callback_url: String::new(),
        owner: String::new(),
        queue_user: String::new(),
        idempotency_key: None,
    };
    // Ended in the moment in which it is accepted: the worker was not woken.
    let task = store.insert_task(task, now).await.unwrap().0;
    let image = NewImage {
        task_id: task.task_id,
        full_name: target.to_string(),
        name: target.name(),
        name_key: target.to_string(),
        tag: target.tag_or_latest().to_owned(),
        image_id: image_id.hex().to_owned(),
        digest: Digest::of(target.to_string().as_bytes()).to_string(),
        image_type: ImageType::Customized,
        description: String::new(),
        size_bytes: 1,
        interaction: String::new(),
    };
    if let Some(end) = end {
        let image = Some(&image).filter(|_| end == TaskState::PushSuccess);
        store.end_task(task.id(), end, None, image, None, now).await.unwrap();
    }
    task.task_id
}

async fn ask(service: &TestService, task_id: i64) -> Value {
    let (status, answer) = service.get_in("en", &format!("/task/sbom?task_id={task_id}")).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn words(answer: &Value) -> &str {
    assert_eq!(answer["code"], -1, "{answer}");
    answer["msg"].as_str().unwrap()
}

/// A hostile image on the lab's daemon, and what is told of it.
async fn of_image(service: &TestService, steps: &str) -> Value {
    let engine = lab::engine().await;
    let base = lab::base("debian:12");
    lab::have(engine.as_ref(), &base).await;
    let image = lab::unique_name("hostile");
    let order = lab::order(Builder::BuildKit, &format!("FROM {base}\n{steps}\n"), &[&image]);
    let built = engine.build(&order, &lab::Events::default()).await.expect("build");
    let task_id = record(service, &image, &built.image_id, Some(TaskState::PushSuccess)).await;
    let answer = ask(service, task_id).await;
    forget(&image).await;
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_databases_are_cleaned() {
    let service = TestService::configured().await;
    let steps = r#"RUN { printf 'Package: evil\033[31m\nStatus: install ok installed\nVersion: 1\n\n'; \
          printf 'Package: split\nthis is no field\n\033]0;title\007\nVersion: 1\nVersion: 2\n\n'; \
          printf 'Package: ok-name\nStatus: install ok installed\nVersion: 1\\u202e2 3\n\n'; } >>/var/lib/dpkg/status \
      && cd /usr/local/lib && mkdir "$(printf 'new\nline-1.dist-info')" "$(printf 'esc\033[2J-1.dist-info')" \
      && mkdir good-1.dist-info bad-1.dist-info empty-2.0.dist-info \
      && printf 'Name: good\nVersion: 1\n' >good-1.dist-info/METADATA \
      && printf 'Name: bad\033[0m\nVersion: 1\n' >bad-1.dist-info/METADATA \
      && ln -s /dev/zero link-1.egg-info && ln -s /proc/kcore kcore-1.egg-info && mkfifo pipe-1.egg-info"#;
    let document = of_image(&service, steps).await;
    let text = document.to_string();
    assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}']) && !text.contains("\\u001b"), "{text}");
    for absent in ["evil", "ok-name", "\"bad\"", "not this"] {
        assert!(!text.contains(absent), "{absent}");
    }
    for present in ["pkg:deb/debian/split@2", "pkg:pypi/good@1", "pkg:pypi/empty@2.0", "pkg:deb/debian/libc6@"] {
        assert!(text.contains(present), "{present}");
    }
    assert_eq!(document["compositions"][0]["aggregate"], "incomplete", "what was left out is told");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_that_cannot_be_read_says_why() {
    let service = TestService::configured().await;
    let flood = "RUN i=0; while [ $i -lt 17 ]; do i=$((i+1)); [ -s /tmp/l ] || seq -f 'Package: p%.0f' 100 >/tmp/l; \
        cat /tmp/l /tmp/l >/tmp/m; mv /tmp/m /tmp/l; done; head -c 50000000 /tmp/l >/var/lib/dpkg/status; rm /tmp/l";
    assert!(words(&of_image(&service, flood).await).contains("more than 8388608 bytes"));
    let without_shell = "RUN [\"/bin/rm\", \"-f\", \"/bin/sh\", \"/usr/bin/sh\"]";
    assert!(words(&of_image(&service, without_shell).await).contains("no /bin/sh"));
    let false_shell = "RUN [\"/bin/cp\", \"--remove-destination\", \"/bin/false\", \"/bin/sh\"]";
    assert!(words(&of_image(&service, false_shell).await).contains("ended early"));
    let nothing =
        "RUN rm -rf /var/lib/dpkg /usr/lib/python3* /usr/local/lib; rm -f /etc/os-release /usr/lib/os-release";
    let document = of_image(&service, nothing).await;
    assert_eq!((&document["components"], &document["bomFormat"]), (&json!([]), &json!("CycloneDX")));
    // Gone from the daemon, and the registry never had it.
    let gone = record(&service, &lab::unique_name("gone"), &Digest::of(b"gone"), Some(TaskState::PushSuccess)).await;
    assert!(words(&ask(&service, gone).await).contains("neither the Docker server nor the registry"));
    service.stop().await;
}

async fn scripted(engine: ScriptedEngine) -> (TestService, Arc<ScriptedEngine>) {
    let engine = Arc::new(engine);
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), |_| {}, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    (service, engine)
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_ask_at_once_are_answered_by_one_probe() {
    let hook: crate::support::scripted::Hook =
        Box::new(|_| Box::pin(tokio::time::sleep(std::time::Duration::from_millis(300))));
    let (service, engine) = scripted(ScriptedEngine { hook: Some(hook), ..ScriptedEngine::default() }).await;
    let list = "@MARK@\tbegin\t1\n@MARK@\tdpkg\tname\tx\n@MARK@\tdpkg\tversion\t1\n@MARK@\tend\t1\n";
    *engine.packages.lock().unwrap() = Some(list.to_owned());
    let task_id = record(&service, &lab::unique_name("many"), &Digest::of(b"x"), Some(TaskState::PushSuccess)).await;
    let answers = futures_util::future::join_all((0..20).map(|_| ask(&service, task_id))).await;
    assert!(
        answers.iter().all(|answer| *answer == answers[0] && answer["components"][0]["name"] == "x"),
        "{answers:?}"
    );
    assert_eq!(engine.lists.load(Ordering::SeqCst), 1);

    // A failure is shared as well, and the next one who asks tries again.
    *engine.packages.lock().unwrap() = Some("nothing".to_owned());
    let task_id = record(&service, &lab::unique_name("many"), &Digest::of(b"y"), Some(TaskState::PushSuccess)).await;
    let answers = futures_util::future::join_all((0..20).map(|_| ask(&service, task_id))).await;
    assert!(answers.iter().all(|answer| words(answer).contains("ended early")));
    assert_eq!(engine.lists.load(Ordering::SeqCst), 2);
    *engine.packages.lock().unwrap() = Some(list.to_owned());
    assert_eq!(ask(&service, task_id).await["components"][0]["name"], "x");

    // Who goes away does not end what others wait for, or will ask for.
    let task_id = record(&service, &lab::unique_name("many"), &Digest::of(b"z"), Some(TaskState::PushSuccess)).await;
    let moment = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(moment, ask(&service, task_id)).await.is_err(), "it takes longer");
    ask(&service, task_id).await;
    assert_eq!(engine.lists.load(Ordering::SeqCst), 4);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_that_is_deleted_while_its_list_is_made_leaves_no_directory() {
    let gate = Arc::new(Semaphore::new(0));
    let hook: crate::support::scripted::Hook = {
        let gate = gate.clone();
        Box::new(move |called| {
            let gate = gate.clone();
            Box::pin(async move {
                if called == "list" {
                    gate.acquire().await.unwrap().forget();
                }
            })
        })
    };
    let (service, engine) = scripted(ScriptedEngine { hook: Some(hook), ..ScriptedEngine::default() }).await;
    let list = "@MARK@\tbegin\t1\n@MARK@\tdpkg\tname\tx\n@MARK@\tdpkg\tversion\t1\n@MARK@\tend\t1\n";
    *engine.packages.lock().unwrap() = Some(list.to_owned());
    let task_id = record(&service, &lab::unique_name("deleted"), &Digest::of(b"x"), Some(TaskState::PushSuccess)).await;
    let (_, task) = service.get(&format!("/task/task-details_by_task_id?task_id={task_id}")).await;
    let tasks = service.directory.path().join("data/task");
    let directory = tasks.join(task["data"]["work_dir_name"].as_str().unwrap());
    std::fs::create_dir(&directory).unwrap();
    let deleting = async {
        wait_for("the probe", LIMIT, || async { (engine.lists.load(Ordering::SeqCst) == 1).then_some(()) }).await;
        let (_, answer) = service.delete(&format!("/task/delete-task-by-task-id?task_id={task_id}")).await;
        assert_eq!(answer["code"], 0, "{answer}");
        gate.add_permits(1);
    };
    let (answer, ()) = tokio::join!(ask(&service, task_id), deleting);
    assert_eq!(answer["components"][0]["name"], "x", "who asked in time is answered");
    assert_eq!(std::fs::read_dir(&tasks).unwrap().count(), 0, "{} is there again", directory.display());
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_pushed_image_has_a_list() {
    let (service, engine) = scripted(ScriptedEngine::default()).await;
    assert!(words(&ask(&service, 12_345).await).contains("There is no task 12345"));
    for state in [TaskState::BuildFailed, TaskState::BuildAbort] {
        let task_id = record(&service, &lab::unique_name("failed"), &Digest::of(b"x"), Some(state)).await;
        assert!(words(&ask(&service, task_id).await).contains("has pushed no image"), "{state}");
    }
    assert_eq!(engine.lists.load(Ordering::SeqCst), 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_down_is_named() {
    let proxy = FaultProxy::of_daemon().await;
    let service = TestService::start().await;
    let configuration = Configuration::default()
        .with("docker_host", "127.0.0.1")
        .with("docker_port", &proxy.address.port().to_string());
    assert_eq!(service.configure(configuration).await.1["code"], 0);
    let task_id = record(&service, &lab::unique_name("down"), &Digest::of(b"x"), Some(TaskState::PushSuccess)).await;
    proxy.set(Mode::Cut);
    let answer = ask(&service, task_id).await;
    assert!(words(&answer).starts_with("DAEMON_"), "{answer}");
    service.stop().await;
}
