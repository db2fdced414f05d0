//! The pure hot parts: parsing a request, planning and rendering a recipe, hashing its key, decoding a BuildKit stream.

#![allow(clippy::expect_used, reason = "a bench fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use divan::{Bencher, black_box};
use fastbuild::engine::message::{Message, MessageSplitter};
use fastbuild::engine::progress::BuildProgress;
use fastbuild::image::{ImageConfig, ImageDescriptor, ImageDetails, OsFamily, PackageTool};
use fastbuild::recipe::{Recipe, RecipeInput, RecipeOptions, ResolvedFiles, plan};
use fastbuild::request::BuildRequest;
use fastbuild::secret::PlatformCipher;
use prost::Message as _;
use serde_json::json;

const PIN: &str = "fastbuild.invalid/base:b0e51d197a450263974e79f37488ad127043d5d78f7241358af864d10a818043";
const NOTHING_SECRET: &str = "qkrhxQmWOe5kvpJpplvTuQ==";

fn main() {
    divan::main();
}

fn cipher() -> PlatformCipher {
    PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").expect("cipher")
}

fn document() -> Vec<u8> {
    let software: Vec<_> =
        ["numpy", "scipy", "pandas", "matplotlib", "scikit-learn", "seaborn", "sympy", "statsmodels"]
            .iter()
            .map(|name| json!({"name": name, "version": ""}))
            .collect();
    let installer = |name: &str, software: serde_json::Value| {
        json!({
            "installer_name": name, "install": {"present": "", "target": ""},
            "source": {"type": "", "file_name": ""}, "software_list": software
        })
    };
    json!({
        "webSSHSecret": NOTHING_SECRET, "jupyterLabSecret": NOTHING_SECRET,
        "task_data": {"task_name": "bench", "target_image_name": "harbor.example.cn/t/image:1", "callback_url": ""},
        "dockerfile_json": {
            "base_image": "harbor.example.cn/base/debian:12", "maintainer": "1024",
            "image_installer_config": {
                "python_env": {"present": "", "target": ""},
                "package_manager_installer_config":
                    installer("apt", json!([{"name": "tree", "version": ""}, {"name": "jq", "version": ""}])),
                "pip_installer_config": installer("pip", json!(software)),
                "conda_installer_config": installer("conda", json!([]))
            }
        }
    })
    .to_string()
    .into_bytes()
}

fn debian() -> ImageDescriptor {
    let details = ImageDetails {
        os_id: "debian".to_owned(),
        os_version_id: "12".to_owned(),
        family: Some(OsFamily::Debian),
        package_tool: Some(PackageTool::Apt),
        architecture: "x86_64".to_owned(),
        glibc: "2.36".to_owned(),
        has_bash: true,
        ..ImageDetails::default()
    };
    let mut descriptor = ImageDescriptor { details, ..ImageDescriptor::default() };
    "Debian".clone_into(&mut descriptor.os.name);
    "12 (bookworm)".clone_into(&mut descriptor.os.version);
    "apt".clone_into(&mut descriptor.package_manager.name);
    descriptor
}

fn planned(request: &BuildRequest, descriptor: &ImageDescriptor, options: &RecipeOptions) -> Recipe {
    let pin = PIN.parse().expect("pin");
    let base = ImageConfig { command: vec!["bash".to_owned()], ..ImageConfig::default() };
    let files = ResolvedFiles { sources: Vec::new(), installers: Vec::new() };
    plan(&RecipeInput {
        request,
        descriptor,
        base: &base,
        base_pin: &pin,
        files: &files,
        ssh_hash: None,
        jupyter_hash: None,
        task_id: 1_795_229_647_053,
        options,
        earlier: fastbuild::recipe::Chains::default(),
    })
    .expect("a plan")
}

#[divan::bench]
fn parse_request(bencher: Bencher<'_, '_>) {
    let (document, cipher) = (document(), cipher());
    bencher.bench(|| BuildRequest::parse(black_box(&document), &cipher).expect("a request"));
}

#[divan::bench]
fn plan_and_render_recipe(bencher: Bencher<'_, '_>) {
    let request = BuildRequest::parse(&document(), &cipher()).expect("a request");
    let (descriptor, options) = (debian(), RecipeOptions::default());
    bencher.bench(|| planned(black_box(&request), &descriptor, &options).text().expect("a Dockerfile"));
}

#[divan::bench]
fn hash_build_key(bencher: Bencher<'_, '_>) {
    let request = BuildRequest::parse(&document(), &cipher()).expect("a request");
    let recipe = planned(&request, &debian(), &RecipeOptions::default());
    bencher.bench(|| black_box(&recipe).fingerprint().expect("a fingerprint"));
}

/// A log line of a step, as BuildKit's `moby.buildkit.v1.StatusResponse` carries it.
#[derive(Clone, prost::Message)]
struct Status {
    #[prost(message, repeated, tag = "3")]
    logs: Vec<Log>,
}

#[derive(Clone, prost::Message)]
struct Log {
    #[prost(string, tag = "1")]
    vertex: String,
    #[prost(int64, tag = "3")]
    stream: i64,
    #[prost(bytes, tag = "4")]
    message: Vec<u8>,
}

/// A stream of a thousand messages of ten lines each.
fn stream() -> Vec<u8> {
    let log = |number: usize| Log {
        vertex: format!("sha256:{}", "b".repeat(64)),
        stream: 1,
        message: format!("Collecting package number {number} from the mirror, cached\n").into_bytes(),
    };
    let mut bytes = Vec::new();
    for number in 0..1_000 {
        let status = Status { logs: (0..10).map(|line| log(number * 10 + line)).collect() };
        let aux = STANDARD.encode(status.encode_to_vec());
        bytes.extend(json!({"id": "moby.buildkit.trace", "aux": aux}).to_string().bytes());
        bytes.extend(b"\r\n");
    }
    bytes
}

#[divan::bench]
fn decode_build_stream(bencher: Bencher<'_, '_>) {
    let stream = stream();
    bencher.counter(divan::counter::BytesCount::new(stream.len())).bench(|| {
        let (mut splitter, mut progress) = (MessageSplitter::default(), BuildProgress::default());
        for piece in black_box(&stream).chunks(16 << 10) {
            splitter.push(piece);
            while let Some(message) = splitter.next_message() {
                let message: Message = message;
                progress.accept(&message, &|event| drop(black_box(event)));
            }
        }
        progress.step_counts()
    });
}
