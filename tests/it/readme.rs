//! The calls that README.md shows are made, as they are written, against a service of the laboratory. Only names that a
//! reader replaces as well (hosts, passwords, files) are put in first.

use std::time::Duration;

use serde_json::Value;

use crate::lab;
use crate::support::{RequestShape, TestService};

const LIMIT: Duration = Duration::from_mins(4);

/// The calls of the section "The API by example": one each, with its continuation lines.
fn calls() -> Vec<String> {
    let readme = std::fs::read_to_string(format!("{}/README.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let (_, section) = readme.split_once("\n## The API by example\n").expect("the section");
    let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
    let code: String = section.lines().filter_map(|line| line.strip_prefix("    ")).flat_map(|l| [l, "\n"]).collect();
    let code = code.replace("\\\n", " ");
    code.lines()
        .flat_map(|line| line.split(";  ").map(str::trim))
        .filter(|call| call.starts_with("curl"))
        .map(str::to_owned)
        .collect()
}

/// The call with this laboratory's names.
fn with_our_names(call: &str, service: &TestService, task: &Value) -> String {
    let registry = lab::registry().to_string();
    let docker = format!("unix://{}", lab::docker_socket().display());
    let port = service.url.rsplit(':').next().unwrap();
    let directory = task["work_dir_name"].as_str().unwrap();
    [
        (" --form harbor_ca=@harbor-ca.pem", ""),
        (" --form docker_tls_tar_file=@certificates.tar", ""),
        ("password=…", "password='~~~???>>>'"),
        ("username=…", "'username=robot$fastbuild'"),
        ("host=10.0.0.6", &format!("host={docker}")),
        ("unix:///var/run/docker.sock", &docker),
        ("host=10.0.0.5", &format!("host=127.0.0.1 --form-string fastbuild_port={port}")),
        ("port=48001", &format!("port={port}")),
        ("image_name=debian:12", &format!("image_name={registry}/base/debian:12")),
        ("harbor.example.cn/demo/first:1", task["target_image_name"].as_str().unwrap()),
        ("harbor.example.cn", &registry),
        ("http://127.0.0.1:48001", &service.url),
        ("2026-11-21-02-54-07-053159", directory),
    ]
    .iter()
    .fold(call.to_owned(), |call, (old, new)| call.replace(old, new))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_of_the_readme_works() {
    let service = TestService::configured().await;
    let target = lab::unique_name("readme");
    let base = lab::base("debian:12");
    lab::have(lab::engine().await.as_ref(), &base).await;
    let task = service.build(&RequestShape::platform(&base, &target, "").build(), LIMIT).await;
    let work = tempfile::tempdir().unwrap();
    let again = RequestShape::platform(&base, &lab::unique_name("readme"), "").build();
    std::fs::write(work.path().join("request.json"), again.to_string()).unwrap();
    std::fs::write(work.path().join("Miniconda3-latest-Linux-x86_64.sh"), "#!/bin/sh\n").unwrap();
    // What the others ask for goes last.
    let (deleting, mut calls): (Vec<_>, Vec<_>) = calls().into_iter().partition(|call| call.contains("DELETE"));
    calls.extend(deleting);
    assert!(calls.len() > 40, "{calls:#?}");
    for call in calls {
        let command = with_our_names(&call, &service, &task);
        let output = tokio::process::Command::new("bash")
            .args(["-euo", "pipefail", "-c", &command])
            .current_dir(work.path())
            .env("API", format!("{}/api/fast-build", service.url))
            .env("task", task["task_id"].to_string())
            .env("no_proxy", "*")
            .output()
            .await
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{command}\n{text}{}", String::from_utf8_lossy(&output.stderr));
        if let Ok(answer) = serde_json::from_str::<Value>(&text) {
            // What the calls before it removed may be gone, which is said; a wrong call is a 404 or a 422.
            let is_answer = ["code", "status", "ready"].iter().any(|key| !answer[*key].is_null());
            assert!(is_answer && answer["code"] != "123", "{command}\n{text}");
        } else {
            let is_text = ["event: ", "FROM ", "built ", "# TYPE ", "pkg:deb/"].iter().any(|sign| text.contains(sign));
            assert!(is_text, "{command}\n{text}");
        }
    }
    for image in [&target, &again["task_data"]["target_image_name"].as_str().unwrap().parse().unwrap()] {
        crate::support::docker(&["rmi", "--force", &image.to_string()]).await;
    }
    service.stop().await;
}
