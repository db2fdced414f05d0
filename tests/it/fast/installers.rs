//! uv and pip make the same environment, and uv steps aside where it cannot serve.

use std::time::Duration;

use fastbuild::settings::PipInstaller;
use serde_json::Value;

use super::layers::on_the_hosts_network;
use crate::lab;
use crate::support::index::PackageIndex;
use crate::support::{Container, RequestShape, TestService, docker};

const LIMIT: Duration = Duration::from_secs(300);
const PACKAGES: [&str; 4] = ["requests", "pygments", "jinja2 3.1.4", "tqdm"];

/// Everything about an environment that a user can notice.
const LOOK: &str = r"
python3 -m pip list --format=freeze
python3 -m pip check
cd /usr/local
find bin lib/python3* share ! -name '*.pyc' ! -name __pycache__ -printf '%M %u %g %p\n' |
    grep -Ev '(INSTALLER|REQUESTED|RECORD|direct_url.json|uv_cache.json|uv_build.json)$' | sort
for script in bin/pygmentize bin/tqdm bin/normalizer; do head -n 1 $script; done
pygmentize -V
tqdm --version
";

/// The same without naming packages, and what the distribution's tools list.
pub(super) const LOOK_AROUND: &str = r"
if command -v pip >/dev/null; then
    pip list --format=freeze
    pip check
    for script in /usr/local/bin/fb*; do head -n 1 $script; $script; done
fi
dpkg -l | awk '/^ii/ { print $2, $3 }'
apt-mark showauto
find /usr/local /etc /opt /root /home /usr/bin /usr/sbin /var/lib/dpkg/info ! -name '*.pyc' ! -name __pycache__ -printf '%M %u %g %p %l
' |
    grep -Ev '(INSTALLER|REQUESTED|RECORD|direct_url.json|uv_cache.json|uv_build.json|/etc/hosts|/etc/resolv.conf|/etc/hostname|/etc/mtab.*)$' | sort
find /tmp /var/tmp /var/cache /run -printf '%M %p
' | grep -v ldconfig | sort
env | grep -Ev '^(HOSTNAME)=' | sort
id
";

/// What the daemon has cached prints nothing.
fn never_cached(document: &mut serde_json::Value) {
    document["force"] = serde_json::json!(true);
}

async fn look(image: &str) -> String {
    let container = Container::run(image, &["sleep", "600"]).await;
    let seen = container.exec(&["sh", "-c", LOOK]).await;
    container.remove().await;
    docker(&["rmi", image]).await;
    seen
}

async fn log(service: &TestService, task: &Value) -> String {
    service.text(&format!("/task/{}/build.log", task["work_dir_name"].as_str().unwrap())).await
}

#[tokio::test(flavor = "multi_thread")]
async fn uv_makes_the_environment_that_pip_makes() {
    for base in ["localpython:1", "debian:12"] {
        let mut seen = Vec::new();
        for installer in [PipInstaller::Pip, PipInstaller::Auto] {
            let service = TestService::configured_with(|settings| settings.build.pip_installer = installer).await;
            let target = lab::unique_name("installers");
            let request =
                RequestShape::console(&lab::base(base), &target, "").pip(&PACKAGES).edit(never_cached).build();
            let task = service.build(&request, LIMIT).await;
            let log = log(&service, &task).await;
            assert_eq!(log.contains("installs the packages"), installer == PipInstaller::Auto, "{log}");
            assert!(!log.contains("pip does it"), "{log}");
            seen.push(look(&target.to_string()).await);
            service.stop().await;
        }
        assert!(seen[0].contains("No broken requirements found") && seen[0].contains("Jinja2==3.1.4"), "{}", seen[0]);
        let lines = |text: &str| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>();
        assert_eq!(lines(&seen[0]), lines(&seen[1]), "{base}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_uv_does_not_know_are_left_to_pip() {
    let service = TestService::configured().await;
    let directory = service.directory.path().join("data/source/pip/own");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("pip.conf"), "[install]\nno-binary = nothing-of-that-name\n").unwrap();
    let target = lab::unique_name("installers");
    let request = RequestShape::console(&lab::base("localpython:1"), &target, "")
        .pip(&["idna"])
        .source("pip", "own", "pip.conf")
        .edit(never_cached)
        .build();
    let task = service.build(&request, LIMIT).await;
    let log = log(&service, &task).await;
    assert!(log.contains("pip's setting 'no-binary' is not translated; pip does it"), "{log}");
    assert!(log.contains("Successfully installed idna"), "{log}");
    docker(&["rmi", &target.to_string()]).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requirements_that_cannot_be_met_are_called_so() {
    let service = TestService::configured().await;
    for (packages, cause) in [
        (&["no-such-package-of-fastbuild"][..], "PACKAGE_NOT_FOUND"),
        (&["requests 2.31.0", "urllib3 1.20"][..], "PACKAGE_CONFLICT"),
    ] {
        let target = lab::unique_name("installers");
        let request = RequestShape::console(&lab::base("localpython:1"), &target, "").pip(packages).build();
        let task_id = service.submit(&request).await;
        let task = service.end_of(task_id, LIMIT).await;
        let log = log(&service, &task).await;
        assert_eq!(task["state"], "BUILD_FAILED", "{log}");
        assert_eq!(task["cause"], cause, "{task:#}\n{log}");
        assert!(!log.contains("pip does it"), "{log}");
    }
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_without_uv_is_asked_for_it_once() {
    let index = PackageIndex::start().await;
    index.publish("fba", "1.0", &[]);
    index.withdraw("uv");
    let service = TestService::configured_with(on_the_hosts_network).await;
    index.lay(&service);
    let target = lab::unique_name("installers");
    let request = RequestShape::console(&lab::base("localpython:1"), &target, "")
        .os_packages("apt", &["tree"])
        .pip(&["fba"])
        .source("pip", "index", "pip.conf")
        .edit(never_cached)
        .build();
    let task = service.build(&request, LIMIT).await;
    let log = log(&service, &task).await;
    assert!(log.contains("uv could not be fetched beforehand: pip's index has no uv for this machine"), "{log}");
    assert!(log.contains("uv could not be fetched; pip does it"), "{log}");
    assert!(log.contains("Successfully installed fba"), "{log}");
    docker(&["rmi", &target.to_string()]).await;
    service.stop().await;
}
