//! Images that came by a shortcut start what the long way's image starts; and nobody's image is built from another
//! user's.

use fastbuild::access::Role;
use fastbuild::image::ImageReference;
use fastbuild::settings::{AccessMode, Settings};
use reqwest::header::{AUTHORIZATION, HeaderMap};

use super::layers::{Built, compare, forced, forget, on_the_hosts_network, request};
use crate::access::house::{bearer, token};
use crate::lab;
use crate::support::index::PackageIndex;
use crate::support::{Configuration, Container, RequestShape, TestService};

const PASSWORD: &str = "Alkaid123456";

/// What an SSH session finds: its variables, what listens, and what the services were told.
const SESSION: &str = r"
env | grep -Ev '^(SSH_|HOSTNAME=)' | sort
id
pwd
grep -h ' 0A ' /proc/net/tcp /proc/net/tcp6 | awk '{ print $2 }' | sort
sshd=$(command -v sshd); $sshd -T -f /usr/local/dros/fastbuild/sshd_config | sort
for script in /usr/local/bin/fb*; do $script; done
";

/// What runs, who may come in, and what they find there.
async fn started(image: &ImageReference) -> String {
    lab::have(lab::engine().await.as_ref(), image).await;
    let container = Container::run(&image.to_string(), &["sleep", "600"]).await;
    container.wait_for_port(22).await;
    let (is_in, session) = container.ssh(PASSWORD, SESSION).await;
    assert!(is_in, "{session}\n{}", container.logs().await);
    assert!(!container.ssh("another", "true").await.0, "another password");
    let mut processes = container.processes().await;
    // The probe itself and sessions that are about to end.
    processes.retain(|line| !line.is_empty() && !line.starts_with("sh -c for file") && !line.starts_with("sshd: "));
    processes.sort();
    container.remove().await;
    format!("{session}\n{}", processes.join("\n"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_by_a_shortcut_starts_like_one_from_scratch() {
    let index = PackageIndex::start().await;
    index.publish("fba", "1.0", &[]);
    index.publish("fbb", "1.0", &["fba"]);
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);
    let with_ssh = |target: &ImageReference, pip: &[&str]| request(target, pip).ssh(PASSWORD);

    let first = Built::of(&service, |target| with_ssh(target, &["fba"])).await;
    let over = Built::of(&service, |target| with_ssh(target, &["fba", "fbb"])).await;
    assert!(over.is_over_an_earlier_one(), "{}\n{}", over.prepare, over.build);
    let served = Built::of(&service, |target| with_ssh(target, &["fba", "fbb"])).await;
    assert!(served.build.contains("nothing to build"), "{}", served.build);
    let scratch = Built::of(&service, |target| with_ssh(target, &["fba", "fbb"]).edit(forced)).await;

    let expected = started(&scratch.target).await;
    assert!(expected.contains("sshd") && expected.contains("sleep 600"), "{expected}");
    compare(&started(&over.target).await, &expected, "over an earlier image");
    compare(&started(&served.target).await, &expected, "put together in the registry");
    forget(&[&first, &over, &served, &scratch]).await;
    service.stop().await;
}

fn client(token: &str) -> reqwest::Client {
    let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer(token).parse().unwrap())]);
    reqwest::Client::builder().no_proxy().default_headers(headers).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_builds_over_the_image_of_another_user() {
    let closed = |settings: &mut Settings| {
        on_the_hosts_network(settings);
        settings.access.mode = AccessMode::Token;
    };
    let mut service = TestService::start_with(closed).await;
    service.client = client(&token(&service.state, "root", "root", Role::Administer).await);
    let port = service.url.rsplit(':').next().unwrap().to_owned();
    let (_, answer) = service.configure(Configuration::default().with("fastbuild_port", &port)).await;
    assert_eq!(answer["code"], 0, "{answer}");
    let index = PackageIndex::start().await;
    for name in ["fba", "fbb", "fbc"] {
        index.publish(name, "1.0", &[]);
    }
    index.lay(&service);
    let shape = |pip: &'static [&'static str]| move |target: &ImageReference| -> RequestShape { request(target, pip) };

    let ann = token(&service.state, "ann", "ann", Role::Submit).await;
    let bob = token(&service.state, "bob", "bob", Role::Submit).await;
    service.client = client(&ann);
    let of_ann = Built::of(&service, shape(&["fba"])).await;
    service.client = client(&bob);
    let of_bob = Built::of(&service, shape(&["fba", "fbb"])).await;
    assert!(!of_bob.is_over_an_earlier_one(), "{}", of_bob.prepare);
    assert!(of_bob.prepare.contains("no earlier image of this base holds a part of the list"), "{}", of_bob.prepare);
    let again_of_bob = Built::of(&service, shape(&["fba", "fbb", "fbc"])).await;
    assert!(again_of_bob.is_over_an_earlier_one(), "bob's own: {}", again_of_bob.prepare);
    forget(&[&of_ann, &of_bob, &again_of_bob]).await;

    // What ann protects with a password tells bob nothing, also not whether he guessed it.
    let ssh = |target: &ImageReference| shape(&["fba"])(target).ssh("Alkaid123456");
    service.client = client(&ann);
    let [of_ann, again_of_ann] = [Built::of(&service, ssh).await, Built::of(&service, ssh).await];
    assert!(again_of_ann.build.contains("nothing to build: task "), "{}", again_of_ann.build);
    let public = Built::of(&service, shape(&["fba", "fbc"])).await;
    service.client = client(&bob);
    let of_bob = Built::of(&service, ssh).await;
    assert!(!of_bob.build.contains("nothing to build"), "{}", of_bob.build);
    let served = Built::of(&service, shape(&["fba", "fbc"])).await;
    assert!(served.build.contains("nothing to build: an earlier task built the same"), "{}", served.build);
    assert!(!served.build.contains(public.target.tag_or_latest()), "{}", served.build);
    forget(&[&of_ann, &again_of_ann, &public, &of_bob]).await;
    service.stop().await;
}
