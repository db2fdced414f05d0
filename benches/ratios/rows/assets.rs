//! What comes from `tools_dir`: a Python that is built from its source, and an installer of a hundred megabytes.

use std::io::Write;
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::dockers::Bench;
use crate::measure::{Bar, Measured, Row, Samples};
use crate::outcome::{Outcome, fault};
use crate::proxy::CountingProxy;
use crate::request::RequestShape;
use crate::service::Service;

/// A Python that is there already.
pub const PYTHON: Row = Row {
    name: "python",
    what: "Python from source: second request with other packages on the same base, over the first",
    unit: "s",
    bar: Bar::RatioAtMost(0.1),
};

/// An installer that travelled already.
pub const INSTALLER: Row = Row {
    name: "installer",
    what: "a 100 MB installer, second task: bytes sent to the daemon",
    unit: "MB",
    bar: Bar::AtMost(1.0),
};

const INSTALLER_NAME: &str = "Miniconda3-4.12.0-Linux-x86_64.sh";

/// What the service calls of a conda installer, and of its conda; the rest of the file is ballast.
const STAND_IN: &str = r#"set -eu
mkdir -p "$3/bin"
cat >"$3/bin/conda" <<'CONDA'
#!/bin/sh
[ "${1:-}" = --version ] && { echo conda 4.12.0; exit 0; }
prefix=$(cd "$(dirname "$0")/.." && pwd)
mkdir -p "$prefix/envs/default/bin"
printf '#!/bin/sh\necho Python 3.9.7\n' >"$prefix/envs/default/bin/python"
chmod 0755 "$prefix/envs/default/bin/python"
CONDA
chmod 0755 "$3/bin/conda"
exit 0
"#;

/// What an installer may do first: a line every 20 ms for ten seconds, each with its time in microseconds since 1970.
pub const TICKS: &str = "for number in $(seq 500); do echo \"tick $(date +%s%6N)\"; sleep 0.02; done\n";

/// Lays an installer of this many megabytes, which do not compress to nothing, into the service's `tools_dir`.
pub fn lay_installer(directory: &Path, megabytes: usize, does_first: &str) -> Outcome<&'static str> {
    let tools = directory.join("data/tools/conda");
    std::fs::create_dir_all(&tools)?;
    let mut file = std::fs::File::create(tools.join(INSTALLER_NAME))?;
    file.write_all(does_first.as_bytes())?;
    file.write_all(STAND_IN.as_bytes())?;
    for _ in 0..megabytes {
        let block: Vec<u8> =
            std::iter::repeat_with(rand::random::<u64>).take(1 << 17).flat_map(u64::to_le_bytes).collect();
        file.write_all(&block)?;
    }
    Ok(INSTALLER_NAME)
}

/// First and second request from a daemon without the built Python.
pub async fn python(bench: &Bench) -> Outcome<Vec<Measured>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/cpython-source.sh");
    let output = Command::new(script).output().await?;
    let tarball = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
    let Some(name) = tarball.file_name().and_then(|name| name.to_str()).filter(|_| output.status.success()) else {
        return fault("the source of CPython cannot be had: scripts/cpython-source.sh");
    };
    let base = bench.base("debian:12")?;
    bench.docker.forget_everything().await?;
    bench.docker.have(&base).await?;
    let directory = bench.fresh("python")?;
    std::fs::create_dir_all(directory.join("data/tools/python"))?;
    std::fs::copy(&tarball, directory.join("data/tools/python").join(name))?;
    let service = Service::configured(bench, &directory, &[]).await?;
    let mut times = [Samples::default(), Samples::default()];
    for (times, package) in times.iter_mut().zip(["six", "idna"]) {
        let shape = RequestShape::console(&base, &bench.target()?, "").pip(&[package]).edit(|document| {
            document["dockerfile_json"]["image_installer_config"]["python_env"]["target"] = name.into();
        });
        times.push_time(service.build(&shape.build()).await?.0);
    }
    service.stop().await?;
    let [first, second] = times;
    Ok(vec![Measured::new(&PYTHON, second, first)])
}

/// What goes through the door to the daemon for the second task with an installer.
pub async fn installer(bench: &Bench) -> Outcome<Vec<Measured>> {
    let base = bench.base("debian:12")?;
    bench.docker.have(&base).await?;
    let directory = bench.fresh("installer")?;
    let installer = lay_installer(&directory, 100, "")?;
    let service = Service::start(&directory, &[]).await?;
    let door = CountingProxy::open(bench.docker.socket()?).await?;
    service.configure(bench, "127.0.0.1", door.port).await?;
    let mut sent = Vec::new();
    for package in ["first", "second"] {
        door.take();
        let shape = RequestShape::console(&base, &bench.target()?, "").conda(&[package], installer);
        service.build(&shape.build()).await?;
        let bytes = u32::try_from(door.take().0)?;
        sent.push(f64::from(bytes) / 1e6);
    }
    service.stop().await?;
    let second = Samples::one(sent[1]);
    Ok(vec![Measured::new(&INSTALLER, second, Samples::default()).note(format!("first task: {:.1} MB", sent[0]))])
}
