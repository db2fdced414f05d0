//! A scripted engine: a daemon that takes no time, for what a thousand real builds cannot show in a minute.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fastbuild::cause::Cause;
use fastbuild::engine::{
    BuildOrder, BuiltImage, Connector, DaemonDisk, DaemonInfo, DigestSource, Endpoint, Engine, EngineError,
    LocalContainer, LocalImage, PinnedImage, ProbeOrder, ProbeOutput, Progress, ProgressSink, RegistryAccount,
};
use fastbuild::image::{Digest, ImageConfig, ImageReference};
use futures_util::future::BoxFuture;

/// Counts what it was asked for; `answer` runs inside every build.
#[derive(Default)]
pub struct ScriptedEngine {
    /// Builds so far.
    pub builds: AtomicUsize,
    /// Pushes so far.
    pub pushes: AtomicUsize,
    /// Builds wait here until the gate has permits, when there is one.
    pub gate: Option<tokio::sync::Semaphore>,
    /// Names of ours that it lists.
    pub pins: Mutex<Vec<PinnedImage>>,
    /// Runs at the start of `pull`, `check`, `prepare`, `build` and `push`, of `images` and `resolve`, when there is one.
    pub hook: Option<Hook>,
    /// Bases must be pulled.
    pub base_is_absent: bool,
    /// A pull comes in this many pieces, ten a second.
    pub pieces: u64,
    /// What the daemon has.
    pub images: Mutex<Vec<LocalImage>>,
    /// What names stand for since a build, a pull over it or a further name; every other name for an image of its own.
    pub names: Arc<Mutex<HashMap<String, Digest>>>,
    /// Names that were pushed, and what each stood for then.
    pub pushed: Mutex<Vec<(String, Digest)>>,
    /// Directory of the daemon's data.
    pub root_directory: String,
    /// Bytes in use.
    pub usage: Mutex<DaemonDisk>,
    /// What prunings of the build cache left, in bytes.
    pub prunings: Mutex<Vec<u64>>,
    /// Ids of images that a container uses.
    pub used_images: Mutex<Vec<String>>,
    /// What registries have, by reference.
    pub digests: Mutex<HashMap<String, Digest>>,
    /// Names that were removed.
    pub removed: Mutex<Vec<String>>,
    /// A build that waits prints a line `tick <microseconds since 1970>` this often.
    pub tick: Option<std::time::Duration>,
    /// The call that panics.
    pub panics: Mutex<Option<&'static str>>,
    /// What calls were given.
    pub seen: Mutex<Vec<String>>,
    /// What the script prints that lists packages: records below a mark that is written `@MARK@`.
    pub packages: Mutex<Option<String>>,
    /// Lists of packages that were asked for so far.
    pub lists: AtomicUsize,
}

/// What a call does before it does its work.
pub type Hook = Box<dyn Fn(&'static str) -> BoxFuture<'static, ()> + Send + Sync>;

impl ScriptedEngine {
    async fn begin(&self, stage: &'static str) {
        if let Some(hook) = &self.hook {
            hook(stage).await;
        }
    }

    async fn wait_at_gate(&self, sink: &dyn ProgressSink) {
        let Some(gate) = &self.gate else { return };
        let Some(tick) = self.tick else {
            gate.acquire().await.expect("gate").forget();
            return;
        };
        let mut ticks = tokio::time::interval(tick);
        loop {
            tokio::select! {
                permit = gate.acquire() => return permit.expect("gate").forget(),
                _ = ticks.tick() => {
                    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
                    let text = format!("tick {}", now.as_micros());
                    sink.record(Progress::Line { step: None, is_error: false, text });
                }
            }
        }
    }

    /// Panics in this call from now on, printing all that it was given.
    pub fn panic_in(&self, call: Option<&'static str>) {
        *self.panics.lock().expect("lock") = call;
    }

    /// What calls were given, as `Debug` shows it.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("lock").clone()
    }

    /// What a name stands for now.
    pub fn named(&self, name: &str) -> Option<Digest> {
        self.names.lock().expect("lock").get(name).cloned()
    }

    /// Lets a name stand for an image.
    pub fn name(&self, name: &str, image_id: &Digest) {
        self.names.lock().expect("lock").insert(name.to_owned(), image_id.clone());
    }

    fn note(&self, call: &'static str, given: &str) {
        self.seen.lock().expect("lock").push(given.to_owned());
        let panics = *self.panics.lock().expect("lock");
        assert!(panics != Some(call), "a scripted panic in {call}: {given}");
    }
}

/// Gives the one scripted engine.
pub struct ScriptedConnector(pub Arc<ScriptedEngine>);

#[async_trait]
impl Connector for ScriptedConnector {
    async fn connect(&self, _: &Endpoint) -> Result<Arc<dyn Engine>, EngineError> {
        Ok(self.0.clone())
    }
}

fn config(image: &str) -> ImageConfig {
    ImageConfig {
        image_id: Some(Digest::of(image.as_bytes())),
        os: "linux".to_owned(),
        architecture: "amd64".to_owned(),
        size_bytes: 1 << 20,
        ..ImageConfig::default()
    }
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn info(&self) -> Result<DaemonInfo, EngineError> {
        Ok(DaemonInfo {
            version: "scripted".to_owned(),
            api_version: (1, 41),
            os: "linux".to_owned(),
            architecture: "amd64".to_owned(),
            has_buildkit: true,
            root_directory: self.root_directory.clone(),
            ..DaemonInfo::default()
        })
    }

    async fn check_login(&self, _: &RegistryAccount) -> Result<(), EngineError> {
        Ok(())
    }

    async fn inspect_image(&self, image: &str) -> Result<Option<ImageConfig>, EngineError> {
        match self.named(image) {
            Some(image_id) => Ok(Some(ImageConfig { image_id: Some(image_id), ..config(image) })),
            None => Ok((!self.base_is_absent).then(|| config(image))),
        }
    }

    async fn pull(
        &self,
        reference: &ImageReference,
        _: Option<&RegistryAccount>,
        sink: &dyn ProgressSink,
    ) -> Result<ImageConfig, EngineError> {
        self.begin("pull").await;
        for current in 0..self.pieces {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            sink.record(Progress::Bytes { item: "layer".to_owned(), current, total: self.pieces });
        }
        let name = reference.to_string();
        if self.named(&name).is_none() {
            return Ok(config(&name));
        }
        // What was built here is not what the registry has under the same name.
        let pulled = Digest::of(format!("pulled {name}").as_bytes());
        self.name(&name, &pulled);
        Ok(ImageConfig { image_id: Some(pulled), ..config(&name) })
    }

    async fn resolve_digest(
        &self,
        reference: &ImageReference,
        _: Option<&RegistryAccount>,
    ) -> Result<Option<Digest>, EngineError> {
        self.begin("resolve").await;
        Ok(self.digests.lock().expect("lock").get(&reference.to_string()).cloned())
    }

    async fn probe(&self, order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
        let script = order.entrypoint.last().expect("a script");
        let packages = self.packages.lock().expect("lock").clone().filter(|_| script.contains("conda-meta"));
        if let Some(packages) = packages {
            self.lists.fetch_add(1, Ordering::SeqCst);
            self.begin("list").await;
            let mark = script.lines().find_map(|line| line.strip_prefix("mark=")).expect("a mark");
            let mut stdout = packages.replace("@MARK@", mark);
            stdout.truncate(order.output_limit_bytes);
            return Ok(ProbeOutput { exit_code: 0, stdout, stderr: String::new() });
        }
        self.begin("check").await;
        // The real script, run on this machine: it only reads, and the machine is a Debian.
        let (program, arguments) = order.entrypoint.split_first().expect("an entrypoint");
        let output = tokio::process::Command::new(program).args(arguments).output().await;
        let output = output.map_err(|error| EngineError::new(Cause::Internal, error.to_string()))?;
        Ok(ProbeOutput {
            exit_code: output.status.code().unwrap_or(-1).into(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    async fn build(&self, order: &BuildOrder, sink: &dyn ProgressSink) -> Result<BuiltImage, EngineError> {
        self.begin("build").await;
        self.note("build", &format!("{order:?}"));
        let number = self.builds.fetch_add(1, Ordering::SeqCst);
        self.wait_at_gate(sink).await;
        for line in 0..5 {
            sink.record(Progress::Line { step: None, is_error: false, text: format!("line {line} of build {number}") });
        }
        let name = order.tags.first().map(ToString::to_string).unwrap_or_default();
        let image_id = Digest::of(name.as_bytes());
        self.name(&name, &image_id);
        Ok(BuiltImage { image_id, size_bytes: 1 << 20, cached_steps: 1, steps: 1, context_bytes: 0 })
    }

    async fn tag(&self, image: &str, name: &ImageReference) -> Result<(), EngineError> {
        self.begin("prepare").await;
        let image_id = image.parse().ok().or_else(|| self.named(image)).unwrap_or_else(|| Digest::of(image.as_bytes()));
        self.name(&name.to_string(), &image_id);
        Ok(())
    }

    async fn push(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        _: &dyn DigestSource,
        _: &dyn ProgressSink,
    ) -> Result<Digest, EngineError> {
        self.begin("push").await;
        self.note("push", &format!("{account:?}"));
        self.pushes.fetch_add(1, Ordering::SeqCst);
        let name = reference.to_string();
        let image_id = self.named(&name).unwrap_or_else(|| Digest::of(name.as_bytes()));
        self.pushed.lock().expect("lock").push((name, image_id));
        Ok(Digest::of(format!("manifest {reference}").as_bytes()))
    }

    async fn remove_image(&self, image: &str) -> Result<bool, EngineError> {
        self.removed.lock().expect("lock").push(image.to_owned());
        self.names.lock().expect("lock").remove(image);
        Ok(true)
    }

    async fn list_our_images(&self) -> Result<Vec<LocalImage>, EngineError> {
        self.begin("images").await;
        Ok(self.images.lock().expect("lock").clone())
    }

    async fn list_pins(&self) -> Result<Vec<PinnedImage>, EngineError> {
        Ok(self.pins.lock().expect("lock").clone())
    }

    async fn list_our_containers(&self) -> Result<Vec<LocalContainer>, EngineError> {
        Ok(Vec::new())
    }

    async fn images_in_use(&self) -> Result<Vec<String>, EngineError> {
        Ok(self.used_images.lock().expect("lock").clone())
    }

    async fn remove_container(&self, _: &str) -> Result<(), EngineError> {
        Ok(())
    }

    async fn prune_build_cache(&self, keep_bytes: u64) -> Result<u64, EngineError> {
        self.prunings.lock().expect("lock").push(keep_bytes);
        let mut usage = self.usage.lock().expect("lock");
        let freed = usage.build_cache_bytes.saturating_sub(keep_bytes);
        usage.build_cache_bytes -= freed;
        Ok(freed)
    }

    async fn disk_usage(&self) -> Result<DaemonDisk, EngineError> {
        Ok(*self.usage.lock().expect("lock"))
    }
}
