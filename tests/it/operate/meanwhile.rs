//! What others do to a name on the daemon while this service cleans, pulls or pushes: no task loses its image by it, and
//! none pushes another one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fastbuild::engine::DaemonDisk;
use fastbuild::image::{Digest, ImageReference};
use fastbuild::settings::Settings;
use fastbuild::store::{ImageType, NewImage};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use super::retention::{by_hand_only, local, names, sweep};
use crate::lab;
use crate::support::scripted::{Hook, ScriptedConnector, ScriptedEngine};
use crate::support::{Configuration, RequestShape, TestService, wait_for};

const LIMIT: Duration = Duration::from_mins(2);

/// What happens at the next call of a kind.
type Plan = Arc<Mutex<Option<(&'static str, BoxFuture<'static, ()>)>>>;

fn follow(plan: &Plan) -> Hook {
    let plan = plan.clone();
    Box::new(move |called| {
        let mut plan = plan.lock().unwrap();
        let is_now = plan.as_ref().is_some_and(|(call, _)| *call == called);
        let deed = plan.take_if(|_| is_now);
        Box::pin(async move {
            if let Some((_, deed)) = deed {
                deed.await;
            }
        })
    })
}

async fn service_over(engine: &Arc<ScriptedEngine>, change: impl FnOnce(&mut Settings)) -> TestService {
    let connector = Arc::new(ScriptedConnector(engine.clone()));
    let service = TestService::start_over(Arc::new(tempfile::tempdir().unwrap()), change, connector).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    service
}

fn request(base: &ImageReference, target: &ImageReference) -> Value {
    RequestShape::platform(base, target, "").build()
}

/// A submission that is accepted when the plan comes to it.
fn acceptance(service: &TestService, base: &ImageReference, target: &ImageReference) -> BoxFuture<'static, ()> {
    let url = format!("{}/api/fast-build/task/build-image", service.url);
    let submission = service.client.post(url).json(&request(base, target));
    Box::pin(async move {
        let answer: Value = submission.send().await.unwrap().json().await.unwrap();
        assert_eq!(answer["code"], 0, "{answer}");
    })
}

fn id_of(name: &ImageReference) -> Digest {
    Digest::of(name.to_string().as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_needs_that_is_accepted_during_a_cleaning_stays() {
    let plan = Plan::default();
    let engine = ScriptedEngine { gate: Some(Semaphore::new(1)), hook: Some(follow(&plan)), ..Default::default() };
    let engine = Arc::new(engine);
    let service = service_over(&engine, by_hand_only).await;
    let base = lab::base("scripted:1");
    let (pushed, left, moved) = (lab::unique_name("pushed"), lab::unique_name("left"), lab::unique_name("moved"));
    let id = service.submit(&request(&base, &pushed)).await;
    assert_eq!(service.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
    let mut ids = vec![id];
    for target in [&left, &moved] {
        let id = service.submit(&request(&base, target)).await;
        service.post_empty(&format!("/task/cancel-task?task_id={id}")).await;
        assert_eq!(service.end_of(id, LIMIT).await["state"], "BUILD_ABORT");
        ids.push(id);
    }
    let image = |name: &ImageReference, id: i64| local(id_of(name).as_str(), Some(name), id);
    let clean = async |image, deed| {
        *engine.images.lock().unwrap() = vec![image];
        *plan.lock().unwrap() = deed;
        let (_, answer) = service.post_empty("/system/auto_clean_image?reserve_days=1").await;
        assert_eq!(answer["code"], 0, "{answer}");
        assert!(plan.lock().unwrap().is_none(), "nothing happened meanwhile");
        answer["data"].as_array().unwrap().len()
    };
    let as_target = acceptance(&service, &base, &left);
    assert_eq!(clean(image(&left, ids[1]), Some(("images", as_target))).await, 0, "a new task's target");
    let as_base = acceptance(&service, &pushed, &lab::unique_name("over"));
    assert_eq!(clean(image(&pushed, ids[0]), Some(("images", as_base))).await, 0, "a new task's base");
    let (known, name) = (engine.names.clone(), moved.to_string());
    let moving = Box::pin(async move { drop(known.lock().unwrap().insert(name, Digest::of(b"newer"))) });
    assert_eq!(clean(image(&moved, ids[2]), Some(("images", moving))).await, 0, "the name of a newer image");
    assert_eq!(*engine.removed.lock().unwrap(), Vec::<String>::new());
    engine.name(&moved.to_string(), &id_of(&moved));
    assert_eq!(clean(image(&moved, ids[2]), None).await, 1);
    assert_eq!(*engine.removed.lock().unwrap(), [moved.to_string()]);
    engine.gate.as_ref().unwrap().add_permits(2);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_task_needs_that_is_accepted_while_the_registry_is_asked_stays() {
    let plan = Plan::default();
    let engine = ScriptedEngine { gate: Some(Semaphore::new(1)), hook: Some(follow(&plan)), ..Default::default() };
    let engine = Arc::new(engine);
    let service = service_over(&engine, by_hand_only).await;
    let (base, target) = (lab::base("scripted:1"), lab::unique_name("asked"));
    let id = service.submit(&request(&base, &target)).await;
    assert_eq!(service.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
    let digest = Digest::of(format!("manifest {target}").as_bytes());
    engine.digests.lock().unwrap().insert(target.to_string(), digest);
    *engine.images.lock().unwrap() = vec![local(id_of(&target).as_str(), Some(&target), id)];
    let (known, name) = (engine.names.clone(), target.to_string());
    let moving = Box::pin(async move { drop(known.lock().unwrap().insert(name, Digest::of(b"newer"))) });
    *plan.lock().unwrap() = Some(("resolve", moving));
    let swept = sweep(&service, false).await;
    assert_eq!((&swept["removed"], &swept["kept"]), (&json!([]), &json!([])), "the next sweep judges the newer image");
    engine.name(&target.to_string(), &id_of(&target));
    *plan.lock().unwrap() = Some(("resolve", acceptance(&service, &target, &lab::unique_name("over"))));
    let swept = sweep(&service, false).await;
    assert!(plan.lock().unwrap().is_none(), "nothing happened meanwhile");
    assert_eq!(names(&swept, "kept", "local_image"), [target.to_string()], "{swept:#}");
    assert_eq!(*engine.removed.lock().unwrap(), Vec::<String>::new());
    engine.gate.as_ref().unwrap().add_permits(1);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_low_file_system_under_everything_frees_the_daemons_part_at_once() {
    let data = tempfile::tempdir().unwrap();
    let root_directory = data.path().display().to_string();
    let engine = Arc::new(ScriptedEngine { root_directory, ..Default::default() });
    *engine.usage.lock().unwrap() = DaemonDisk { layers_bytes: 0, build_cache_bytes: 1 << 20 };
    let service = service_over(&engine, |settings| {
        by_hand_only(settings);
        settings.retention.local_image_hours = 24;
        (settings.retention.own_free_gb, settings.retention.docker_free_gb) = (1e9, 1e9);
    })
    .await;
    let (young, digest) = (lab::unique_name("young"), Digest::of(b"manifest"));
    let image = NewImage {
        task_id: 1,
        full_name: young.to_string(),
        name: young.name(),
        name_key: young.to_string(),
        tag: young.tag_or_latest().to_owned(),
        image_id: id_of(&young).hex().to_owned(),
        digest: digest.to_string(),
        image_type: ImageType::Customized,
        description: String::new(),
        size_bytes: 1 << 20,
        interaction: String::new(),
    };
    service.state.store.record_image(&image, service.state.clock.now()).await.unwrap();
    engine.digests.lock().unwrap().insert(young.to_string(), digest);
    *engine.images.lock().unwrap() = vec![local(id_of(&young).as_str(), Some(&young), 1)];
    wait_for("the daemon to say where its data lies", LIMIT, || async {
        service.text("/readyz").await;
        service.state.pipeline.disks.low_docker().await.map(|_| ())
    })
    .await;
    assert_eq!(service.state.pipeline.disks.low().await.unwrap().name, "task", "the first of several");
    let swept = sweep(&service, false).await;
    assert_eq!(names(&swept, "removed", "local_image"), [young.to_string()], "{swept:#}");
    assert_eq!(names(&swept, "removed", "build_cache"), ["buildkit"], "{swept:#}");
    assert_eq!(*engine.prunings.lock().unwrap(), [0]);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_pulled_over_what_an_unfinished_task_builds() {
    let engine = Arc::new(ScriptedEngine { gate: Some(Semaphore::new(0)), ..Default::default() });
    let service = service_over(&engine, |_| {}).await;
    let (base, target) = (lab::base("scripted:1"), lab::unique_name("target"));
    let id = service.submit(&request(&base, &target)).await;
    let pull = async |name: &ImageReference| {
        let url = format!("{}/api/fast-build/task/pull-image?image_name={name}", service.url);
        let answer = service.client.post(url).header("Accept-Language", "en").send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let refused = pull(&target).await;
    let words = format!("Task {id} needs the image '{target}': wait for its end or cancel it first");
    assert_eq!((&refused["code"], &refused["msg"]), (&json!(-1), &json!(words)), "{refused}");
    assert_eq!(pull(&base).await["code"], 0, "a base may be renewed: the task holds the image that it found");
    engine.gate.as_ref().unwrap().add_permits(1);
    assert_eq!(service.end_of(id, LIMIT).await["state"], "PUSH_SUCCESS");
    assert_eq!(pull(&target).await["code"], 0);
    service.stop().await;
}

/// An engine on which somebody gives the target's name to another image at the beginning of so many pushes.
fn taken(target: &ImageReference, times: usize) -> Arc<ScriptedEngine> {
    let known: Arc<Mutex<HashMap<String, Digest>>> = Arc::default();
    let (names, name, pushes) = (known.clone(), target.to_string(), AtomicUsize::new(0));
    let hook: Hook = Box::new(move |called| {
        if called == "push" && pushes.fetch_add(1, Ordering::SeqCst) < times {
            names.lock().unwrap().insert(name.clone(), Digest::of(b"other"));
        }
        Box::pin(async {})
    });
    Arc::new(ScriptedEngine { names: known, hook: Some(hook), ..Default::default() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_another_image_takes_is_given_back_and_pushed_again() {
    let (base, target) = (lab::base("scripted:1"), lab::unique_name("taken"));
    let engine = taken(&target, 1);
    let service = service_over(&engine, |_| {}).await;
    let id = service.submit(&request(&base, &target)).await;
    let task = service.end_of(id, LIMIT).await;
    assert_eq!(task["state"], "PUSH_SUCCESS", "{task:#}");
    let name = target.to_string();
    let expected = [(name.clone(), Digest::of(b"other")), (name, id_of(&target))];
    assert_eq!(*engine.pushed.lock().unwrap(), expected, "the last one counts");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_is_taken_again_and_again_ends_the_task_and_says_so() {
    let (base, target) = (lab::base("scripted:1"), lab::unique_name("taken"));
    let engine = taken(&target, usize::MAX);
    let service = service_over(&engine, |_| {}).await;
    let id = service.submit(&request(&base, &target)).await;
    let task = service.end_of(id, LIMIT).await;
    assert_eq!((&task["state"], &task["cause"]), (&json!("PUSH_FAILED"), &json!("INTERNAL")), "{task:#}");
    let (_, told) = service.get_in("en", &format!("/task/task-details_by_task_id?task_id={id}")).await;
    let words = format!("while {target} was pushed, others gave this name to another image");
    assert!(told["data"]["message"].as_str().unwrap().contains(&words), "{told:#}");
    assert_eq!(engine.pushes.load(Ordering::SeqCst), 3);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_base_that_is_another_tasks_target_may_be_pulled_over_it() {
    let (base, target, other) = (lab::base("scripted:1"), lab::unique_name("both"), lab::unique_name("over"));
    let plan = Plan::default();
    let engine = Arc::new(ScriptedEngine { hook: Some(follow(&plan)), ..Default::default() });
    // The registry has something else under the target's name, so that whoever builds from it pulls that.
    engine.digests.lock().unwrap().insert(target.to_string(), Digest::of(b"older"));
    let service = service_over(&engine, |_| {}).await;
    let (known, name, pulled) =
        (engine.names.clone(), target.to_string(), Digest::of(format!("pulled {target}").as_bytes()));
    let until_pulled = Box::pin(async move {
        let is_pulled = || async { (known.lock().unwrap().get(&name) == Some(&pulled)).then_some(()) };
        wait_for("the pull of the base", LIMIT, is_pulled).await;
    });
    *plan.lock().unwrap() = Some(("push", until_pulled));
    let first = service.submit(&request(&base, &target)).await;
    service.wait_for_log(first, "push", "pushing").await;
    let second = service.submit(&request(&target, &other)).await;
    assert_eq!(service.end_of(first, LIMIT).await["state"], "PUSH_SUCCESS");
    assert_eq!(service.end_of(second, LIMIT).await["state"], "PUSH_SUCCESS");
    let pushed = engine.pushed.lock().unwrap().clone();
    let of_first: Vec<_> = pushed.into_iter().filter(|(name, _)| *name == target.to_string()).collect();
    let name = target.to_string();
    let expected = [(name.clone(), Digest::of(format!("pulled {target}").as_bytes())), (name, id_of(&target))];
    assert_eq!(of_first, expected, "the built image is pushed last");
    service.stop().await;
}
