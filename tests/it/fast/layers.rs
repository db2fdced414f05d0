//! Add one package, pay for one package, and nobody can tell: the short way beside the long way, against a package index
//! that only the test changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fastbuild::image::ImageReference;
use fastbuild::settings::Settings;
use serde_json::{Value, json};

use super::installers::LOOK_AROUND;
use crate::lab;
use crate::support::index::PackageIndex;
use crate::support::meddling::Meddling;
use crate::support::{Configuration, Container, RequestShape, TestService, docker, docker_text};

const LIMIT: Duration = Duration::from_secs(300);
const OVER: &str = "on the same base holds";
const FULL: &str = "the packages are installed in one full step: ";

pub(super) fn on_the_hosts_network(settings: &mut Settings) {
    "host".clone_into(&mut settings.build.network);
}

pub(super) fn request(target: &ImageReference, pip: &[&str]) -> RequestShape {
    RequestShape::console(&lab::base("localpython:1"), target, "").pip(pip).source("pip", "index", "pip.conf")
}

pub(super) fn forced(document: &mut Value) {
    document["force"] = json!(true);
}

/// A build and what its logs say.
pub(super) struct Built {
    pub(super) target: ImageReference,
    pub(super) prepare: String,
    pub(super) build: String,
}

impl Built {
    pub(super) async fn of(service: &TestService, shape: impl FnOnce(&ImageReference) -> RequestShape) -> Self {
        let target = lab::unique_name("layers");
        let task = service.build(&shape(&target).build(), LIMIT).await;
        let directory = task["work_dir_name"].as_str().unwrap();
        let log = |stage: &str| format!("/task/{directory}/{stage}.log");
        Self { prepare: service.text(&log("prepare")).await, build: service.text(&log("build")).await, target }
    }

    pub(super) fn is_over_an_earlier_one(&self) -> bool {
        assert!(!self.build.contains(FULL) || self.prepare.contains(OVER), "{}\n{}", self.prepare, self.build);
        self.prepare.contains(OVER) && !self.build.contains(FULL)
    }

    async fn layers(&self) -> Vec<Value> {
        let text = docker_text(&["inspect", "--format", "{{json .RootFS.Layers}}", &self.target.to_string()]).await;
        serde_json::from_str(&text).unwrap()
    }

    /// Everything that a user can notice.
    async fn look(&self) -> String {
        let name = self.target.to_string();
        let format = "{{json .Config.Env}} {{json .Config.Entrypoint}} {{json .Config.Cmd}} {{json .Config.User}} \
                      {{json .Config.WorkingDir}} {{json .Config.ExposedPorts}}";
        let configuration = docker_text(&["inspect", "--format", format, &name]).await;
        let container = Container::run(&name, &["sleep", "600"]).await;
        let seen = container.exec(&["sh", "-c", LOOK_AROUND]).await;
        container.remove().await;
        format!("{configuration}\n{seen}")
    }
}

pub(super) async fn forget(built: &[&Built]) {
    for one in built {
        docker(&["rmi", &one.target.to_string()]).await;
    }
}

pub(super) fn compare(one: &str, other: &str, what: &str) {
    let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(one), lines(other), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_an_image_gives_the_same_image() {
    let index = PackageIndex::start().await;
    let eight = ["fba", "fbb", "fbc", "fbd", "fbe", "fbf", "fbg", "fbh"];
    for name in eight {
        index.publish(name, "1.0", if name == "fbb" { &["fba>=0.5", "fbdep"] } else { &[] });
    }
    for (name, requires) in [("fbdep", &[][..]), ("fbnew", &["fbdep"]), ("fbmore", &["fbnew"])] {
        index.publish(name, "1.0", requires);
    }
    let nine = [&eight[..], &["fbnew"]].concat();
    let ten = [&nine[..], &["fbmore"]].concat();
    let eleven = [&ten[..], &["fbdep"]].concat();
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);

    let first = Built::of(&service, |target| request(target, &eight)).await;
    assert!(!first.is_over_an_earlier_one(), "{}", first.prepare);
    let second = Built::of(&service, |target| request(target, &nine)).await;
    assert!(second.is_over_an_earlier_one(), "{}\n{}", second.prepare, second.build);
    let below = first.layers().await;
    assert_eq!(below[..below.len()], second.layers().await[..below.len()], "nothing below was built again");
    let third = Built::of(&service, |target| request(target, &ten)).await;
    assert!(third.is_over_an_earlier_one(), "{}\n{}", third.prepare, third.build);
    let served = Built::of(&service, |target| request(target, &nine)).await;
    assert!(served.build.contains("nothing to build"), "{}", served.build);
    lab::have(lab::engine().await.as_ref(), &served.target).await;
    let fourth = Built::of(&service, |target| request(target, &eleven)).await;
    assert!(fourth.is_over_an_earlier_one(), "{}\n{}", fourth.prepare, fourth.build);
    assert_eq!(fourth.layers().await.len(), below.len() + 2, "a chain has three steps at most");

    let scratch = Built::of(&service, |target| request(target, &nine).edit(forced)).await;
    assert!(!scratch.prepare.contains(OVER) && scratch.build.contains(" 0 of "), "{}", scratch.build);
    let expected = scratch.look().await;
    assert!(expected.contains("fbnew==1.0") && expected.contains("No broken requirements"), "{expected}");
    compare(&second.look().await, &expected, "over an earlier image");
    compare(&served.look().await, &expected, "put together in the registry");
    let all = Built::of(&service, |target| request(target, &ten).edit(forced)).await;
    compare(&third.look().await, &all.look().await, "over two earlier images");

    forget(&[&first, &second, &third, &served, &fourth, &scratch, &all]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_would_differ_is_built_in_one_full_step() {
    let index = PackageIndex::start().await;
    index.publish("fbdep", "1.0", &[]);
    index.publish("fbdep", "0.9", &[]);
    index.publish("fba", "1.0", &["fbdep"]);
    for (name, requires) in [("fbold", "fbdep<1"), ("fbnew", "fba"), ("fblast", "fba")] {
        index.publish(name, "1.0", &[requires]);
    }
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);
    let first = Built::of(&service, |target| request(target, &["fba"])).await;

    let back = Built::of(&service, |target| request(target, &["fba", "fbold"])).await;
    assert!(back.build.contains("fbdep would go from 1.0 back to 0.9"), "{}", back.build);
    assert!(!back.is_over_an_earlier_one() && back.look().await.contains("fbdep==0.9"), "{}", back.build);

    index.publish("fba", "1.1", &["fbdep"]);
    let newer = Built::of(&service, |target| request(target, &["fba", "fbnew"])).await;
    assert!(newer.is_over_an_earlier_one(), "a newer version goes over the old one: {}", newer.build);
    let scratch = Built::of(&service, |target| request(target, &["fba", "fbnew"]).edit(forced)).await;
    let expected = scratch.look().await;
    assert!(expected.contains("fba==1.1"), "{expected}");
    compare(&newer.look().await, &expected, "a newer version over an old one");

    index.publish("fba", "1.2", &[]);
    let left = Built::of(&service, |target| request(target, &["fba", "fblast"])).await;
    assert!(left.build.contains("fbdep 1.0 would be left over"), "{}", left.build);
    assert!(!left.is_over_an_earlier_one() && !left.look().await.contains("fbdep=="), "{}", left.build);
    let missing = request(&lab::unique_name("layers"), &["fba", "fbmissing"]).build();
    let task = service.end_of(service.submit(&missing).await, LIMIT).await;
    assert_eq!(task["cause"], "PACKAGE_NOT_FOUND", "{task:#}");
    forget(&[&first, &back, &newer, &scratch, &left]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn old_packages_are_not_served_where_new_ones_are_asked_for() {
    let index = PackageIndex::start().await;
    index.publish("fba", "1.0", &[]);
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);
    let refreshed = |seconds: u64| move |document: &mut Value| document["refresh_after"] = json!(seconds);
    let built = async |change: Box<dyn FnOnce(&mut Value) + Send>| {
        let built = Built::of(&service, |target| request(target, &["fba"]).edit(change)).await;
        lab::have(lab::engine().await.as_ref(), &built.target).await;
        let version = built.look().await.lines().find(|line| line.starts_with("fba==")).unwrap().to_owned();
        forget(&[&built]).await;
        (version, built)
    };
    assert_eq!(built(Box::new(|_| ())).await.0, "fba==1.0");
    index.publish("fba", "1.1", &[]);
    let (version, same) = built(Box::new(|_| ())).await;
    assert_eq!(version, "fba==1.0", "the same request, whatever its age");
    assert!(same.build.contains("nothing to build"), "{}", same.build);
    assert_eq!(built(Box::new(refreshed(3_600))).await.0, "fba==1.0", "young enough");
    let (version, fresh) = built(Box::new(refreshed(0))).await;
    assert_eq!(version, "fba==1.1", "{}", fresh.build);
    assert!(fresh.build.contains(": not used"), "{}", fresh.build);
    index.publish("fba", "1.2", &[]);
    assert_eq!(built(Box::new(forced)).await.0, "fba==1.2");
    // A mirror file with other bytes is another request.
    service.lay("source/pip/index/pip.conf", &format!("{}retries = 3\n", index.pip_conf()));
    index.publish("fba", "1.3", &[]);
    assert_eq!(built(Box::new(|_| ())).await.0, "fba==1.3");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_last_step_is_not_served_over_young_ones() {
    let index = PackageIndex::start().await;
    let publish = |version: &str| ["fba", "fbb"].map(|name| index.publish(name, version, &[]));
    publish("1.0");
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);
    let first = Built::of(&service, |target| request(target, &["fba"])).await;
    let second = Built::of(&service, |target| request(target, &["fba", "fbb"])).await;
    assert!(second.is_over_an_earlier_one(), "{}", second.build);
    publish("1.1");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let renewed = std::time::Instant::now();
    let refresh = |seconds: u64| move |document: &mut Value| document["refresh_after"] = json!(seconds);
    let third = Built::of(&service, |target| request(target, &["fba"]).edit(refresh(0))).await;
    let since_renewed = renewed.elapsed().as_secs() + 1;
    let fourth = Built::of(&service, |target| request(target, &["fba", "fbb"]).edit(refresh(since_renewed))).await;
    let seen = fourth.look().await;
    assert!(seen.contains("fba==1.1") && seen.contains("fbb==1.1"), "{}\n{seen}", fourth.build);

    // What this service never built it lets the cache do, unless the cache turns out to have it.
    let unknown = Built::of(&service, |target| request(target, &["fbb"]).edit(refresh(3_600))).await;
    assert!(!unknown.build.contains(": not used"), "{}", unknown.build);
    let other = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&other);
    publish("1.2");
    let elsewhere = Built::of(&other, |target| request(target, &["fbb"]).edit(refresh(3_600))).await;
    assert!(elsewhere.build.contains(": not used"), "{}", elsewhere.build);
    assert!(elsewhere.look().await.contains("fbb==1.2"), "{}", elsewhere.build);
    forget(&[&first, &second, &third, &fourth, &unknown, &elsewhere]).await;
    other.stop().await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn os_packages_go_over_others_too() {
    let service = TestService::configured().await;
    let shape = |packages: &'static [&'static str]| {
        move |target: &ImageReference| {
            RequestShape::console(&lab::base("debian:12"), target, "").os_packages("apt", packages)
        }
    };
    let first = Built::of(&service, shape(&["tree"])).await;
    let second = Built::of(&service, shape(&["tree", "bc"])).await;
    assert!(second.is_over_an_earlier_one(), "{}\n{}", second.prepare, second.build);
    let scratch = Built::of(&service, |target| shape(&["tree", "bc"])(target).edit(forced)).await;
    let (seen, expected) = (second.look().await, scratch.look().await);
    assert!(expected.contains("bc ") && expected.contains("tree "), "{expected}");
    compare(&seen, &expected, "OS packages over others");
    forget(&[&first, &second, &scratch]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cache_that_is_gone_and_an_image_that_is_gone_are_not_built_upon() {
    let index = PackageIndex::start().await;
    for name in ["fba", "fbb", "fbc"] {
        index.publish(name, "1.0", &[]);
    }
    let forgets = Arc::new(AtomicBool::new(false));
    let forgetful = forgets.clone();
    let meddling = Meddling::without_cache(move || forgetful.swap(false, Ordering::SeqCst));
    let directory = Arc::new(tempfile::tempdir().unwrap());
    let service = TestService::start_over(directory, on_the_hosts_network, meddling).await;
    assert_eq!(service.configure(Configuration::default()).await.1["code"], 0);
    index.lay(&service);
    let first = Built::of(&service, |target| request(target, &["fba"])).await;
    forgets.store(true, Ordering::SeqCst);
    let second = Built::of(&service, |target| request(target, &["fba", "fbb"])).await;
    assert!(second.build.contains("cache no longer has the earlier steps"), "{}", second.build);
    assert!(!second.is_over_an_earlier_one());

    for gone in [&first, &second] {
        let (_, answer) =
            service.delete(&format!("/image/delete-image-by-image-name?image_name={}", gone.target)).await;
        assert_eq!(answer["code"], 0, "{answer}");
    }
    let third = Built::of(&service, |target| request(target, &["fba", "fbb", "fbc"])).await;
    assert!(third.prepare.contains("no earlier image of this base holds a part of the list"), "{}", third.prepare);
    forget(&[&third]).await;
    service.stop().await;
}
