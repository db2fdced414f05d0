//! What is really installed in a pushed image, read by a real daemon.

use std::path::PathBuf;
use std::time::Duration;

use fastbuild::engine::Builder;
use fastbuild::image::ImageReference;
use serde_json::Value;

use crate::lab;
use crate::support::{Container, RequestShape, TestService, docker_text, forget, wait_for};

const LIMIT: Duration = Duration::from_mins(5);

/// A base with what no request asks for: a Python distribution in an environment of its own, and a conda environment.
const BY_HAND: &str = r"
RUN mkdir -p /opt/venv/lib/python3.11/site-packages/Hand_Made-1.2.dist-info /opt/conda/conda-meta \
      /opt/conda/pkgs/cached-1.0-0/site-packages/cached-1.0.dist-info \
 && printf 'Metadata-Version: 2.1\nName: Hand_Made\nVersion: 1.2\n\nName: not-this\n' \
      >/opt/venv/lib/python3.11/site-packages/Hand_Made-1.2.dist-info/METADATA \
 && touch /opt/conda/conda-meta/history && echo '{}' >/opt/conda/conda-meta/python-dateutil-2.9.0-pyhd8ed1ab_0.json
";

/// Builds an image on the lab's daemon.
async fn image_of(base: &ImageReference, steps: &str, name: &str) -> ImageReference {
    let engine = lab::engine().await;
    lab::have(engine.as_ref(), base).await;
    let image = lab::unique_name(name);
    let order = lab::order(Builder::BuildKit, &format!("FROM {base}\n{steps}"), &[&image]);
    engine.build(&order, &lab::Events::default()).await.expect("build");
    image
}

async fn sbom(service: &TestService, task: &Value) -> (String, Value) {
    let url = format!("{}/api/fast-build/task/sbom?task_id={}", service.url, task["task_id"]);
    let response = service.client.get(url).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/vnd.cyclonedx+json");
    let text = response.text().await.unwrap();
    let document = serde_json::from_str(&text).unwrap();
    (text, document)
}

fn component<'document>(document: &'document Value, purl_start: &str) -> &'document Value {
    let components = document["components"].as_array().unwrap();
    let found = components.iter().find(|found| found["purl"].as_str().is_some_and(|purl| purl.starts_with(purl_start)));
    found.unwrap_or_else(|| panic!("{purl_start} in {document:#}"))
}

fn kept(service: &TestService, task: &Value) -> PathBuf {
    let hex = task["image_digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
    let directory = service.directory.path().join("data/task").join(task["work_dir_name"].as_str().unwrap());
    directory.join(format!("sbom-1-{hex}.cdx.json"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_installed_is_listed_whoever_installed_it() {
    let service = TestService::configured_with(|settings| settings.build.sbom = true).await;
    let base = image_of(&lab::base("debian:12"), BY_HAND, "by-hand").await;
    let target = lab::unique_name("sbom");
    let request = RequestShape::console(&base, &target, "").os_packages("apt", &["tree"]).pip(&["six 1.16.0"]).build();
    let task = service.build(&request, LIMIT).await;

    // Made after the push without being asked for.
    let file = kept(&service, &task);
    wait_for("the list", Duration::from_mins(1), || async { file.exists().then_some(()) }).await;
    let (text, document) = sbom(&service, &task).await;
    assert_eq!(text, std::fs::read_to_string(&file).unwrap());

    let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
    for package in ["tree", "libc6"] {
        let installed = container.exec(&["dpkg-query", "-W", "-f", "${Version}", package]).await;
        let found = component(&document, &format!("pkg:deb/debian/{package}@"));
        assert_eq!((&found["version"], &found["name"]), (&Value::from(installed), &Value::from(package)));
        assert!(found["purl"].as_str().unwrap().ends_with("distro=debian-12"), "{found}");
    }
    let installed: usize = container
        .exec(&["sh", "-c", "dpkg-query -W -f '${db:Status-Status}\\n' | grep -c '^installed$'"])
        .await
        .parse()
        .unwrap();
    let components = document["components"].as_array().unwrap();
    let listed =
        components.iter().filter(|found| found["purl"].as_str().is_some_and(|purl| purl.starts_with("pkg:deb/")));
    assert_eq!(listed.count(), installed, "each one, and no other");
    container.remove().await;

    assert_eq!(component(&document, "pkg:pypi/six@")["version"], "1.16.0");
    let by_hand = component(&document, "pkg:pypi/hand-made@1.2");
    let place = "/opt/venv/lib/python3.11/site-packages/Hand_Made-1.2.dist-info";
    assert_eq!(
        (&by_hand["name"], &by_hand["evidence"]["occurrences"][0]["location"]),
        (&"Hand_Made".into(), &place.into())
    );
    let conda = component(&document, "pkg:conda/python-dateutil@2.9.0?build=pyhd8ed1ab_0");
    assert_eq!(conda["evidence"]["occurrences"][0]["location"], "/opt/conda");
    assert!(!text.contains("cached-1.0"), "what conda only keeps unpacked is not installed");
    assert!(!text.contains("not-this"));
    assert_eq!(document["compositions"][0]["aggregate"], "complete");
    about_the_image(&document, &task, &base);

    // Kept, though the image is gone; made again from the registry, though the daemon has lost it.
    forget(&target).await;
    assert_eq!(sbom(&service, &task).await.0, text);
    std::fs::remove_file(&file).unwrap();
    let (again, anew) = sbom(&service, &task).await;
    assert_ne!(again, text, "a new document has a number of its own");
    assert_eq!(anew["components"], document["components"]);
    let pinned = format!("{}@{}", target.name(), task["image_digest"].as_str().unwrap());
    assert!(lab::engine().await.inspect_image(&pinned).await.unwrap().is_none(), "it went as it came");
    forget(&base).await;
    service.stop().await;
}

fn about_the_image(document: &Value, task: &Value, base: &ImageReference) {
    let image = &document["metadata"]["component"];
    assert_eq!((&document["bomFormat"], &document["specVersion"]), (&"CycloneDX".into(), &"1.5".into()));
    let property = |name: &str| {
        let properties = image["properties"].as_array().unwrap();
        properties.iter().find(|found| found["name"] == name).map_or(Value::Null, |found| found["value"].clone())
    };
    assert_eq!(property("fastbuild:image"), task["target_image_name"]);
    assert_eq!(property("fastbuild:image_digest"), task["image_digest"]);
    assert_eq!(property("fastbuild:base_image"), base.to_string());
    assert!(image["purl"].as_str().unwrap().starts_with("pkg:oci/sbom@sha256%3A"), "{image}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rpm_is_read_too_and_only_when_asked() {
    let service = TestService::configured().await;
    let target = lab::unique_name("sbom-rpm");
    let request =
        RequestShape::console(&lab::base("rpm:9"), &target, "").os_packages("yum", &["lab-hello 1.0"]).build();
    let task = service.build(&request, LIMIT).await;
    assert!(!kept(&service, &task).exists(), "nobody asked yet");
    let (_, document) = sbom(&service, &task).await;
    let found = component(&document, "pkg:rpm/rocky/lab-hello@1.0-");
    let container = Container::run(&target.to_string(), &["sleep", "600"]).await;
    let installed = container.exec(&["rpm", "-q", "--qf", "%{VERSION}-%{RELEASE}", "lab-hello"]).await;
    assert_eq!(found["version"], installed);
    assert!(found["purl"].as_str().unwrap().contains("distro=rocky-9"), "{found}");
    container.remove().await;
    let left = docker_text(&[
        "ps",
        "--all",
        "--quiet",
        "--filter",
        "label=constructor=FastBuild",
        "--filter",
        &format!("ancestor={target}"),
    ])
    .await;
    assert_eq!(left, "", "no probe is left");
    forget(&target).await;
    service.stop().await;
}
