//! An engine that answers what a test tells it to, and remembers what it was asked.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use fastbuild::cause::Cause;
use fastbuild::engine::{
    BuildOrder, BuiltImage, Connector, DaemonDisk, DaemonInfo, DigestSource, Endpoint, Engine, EngineError,
    LocalContainer, LocalImage, PinnedImage, ProbeOrder, ProbeOutput, ProgressSink, RegistryAccount,
};
use fastbuild::image::{Digest, ImageConfig, ImageReference};
use secrecy::ExposeSecret;

/// How the next calls go.
#[derive(Debug, Clone, Default)]
pub struct Script {
    /// Why connecting fails.
    pub connect_error: Option<EngineError>,
    /// Why the daemon does not say what it is.
    pub info_error: Option<EngineError>,
    /// Why a login fails.
    pub login_error: Option<EngineError>,
    /// A login never ends.
    pub login_hangs: bool,
}

/// What was asked.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Endpoints that were connected.
    pub endpoints: Vec<Endpoint>,
    /// Accounts that were tested: registry, user, password.
    pub logins: Vec<(String, String, String)>,
}

/// Connector and engine in one.
#[derive(Debug, Clone, Default)]
pub struct ScriptedEngine {
    script: Arc<Mutex<Script>>,
    asked: Arc<Mutex<Asked>>,
}

impl ScriptedEngine {
    /// Sets how calls go from now on.
    pub fn play(&self, script: Script) {
        *self.script.lock().unwrap() = script;
    }

    /// What was asked so far.
    pub fn asked(&self) -> Asked {
        self.asked.lock().unwrap().clone()
    }

    fn script(&self) -> Script {
        self.script.lock().unwrap().clone()
    }
}

#[async_trait]
impl Connector for ScriptedEngine {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Engine>, EngineError> {
        self.asked.lock().unwrap().endpoints.push(endpoint.clone());
        if let Endpoint::Tls { ca, certificate, key, .. } = endpoint {
            for file in [ca, certificate, key] {
                assert!(file.is_file(), "{} must lie there before the connection", file.display());
            }
        }
        match self.script().connect_error {
            Some(error) => Err(error),
            None => Ok(Arc::new(self.clone())),
        }
    }
}

fn unscripted<T>() -> Result<T, EngineError> {
    Err(EngineError::new(Cause::Internal, "no script for this call"))
}

#[async_trait]
impl Engine for ScriptedEngine {
    async fn info(&self) -> Result<DaemonInfo, EngineError> {
        self.script().info_error.map_or_else(|| Ok(DaemonInfo::default()), Err)
    }

    async fn check_login(&self, account: &RegistryAccount) -> Result<(), EngineError> {
        let login =
            (account.registry.to_string(), account.username.clone(), account.password.expose_secret().to_owned());
        self.asked.lock().unwrap().logins.push(login);
        if self.script().login_hangs {
            std::future::pending::<()>().await;
        }
        self.script().login_error.map_or(Ok(()), Err)
    }

    async fn inspect_image(&self, _image: &str) -> Result<Option<ImageConfig>, EngineError> {
        unscripted()
    }

    async fn pull(
        &self,
        _reference: &ImageReference,
        _account: Option<&RegistryAccount>,
        _sink: &dyn ProgressSink,
    ) -> Result<ImageConfig, EngineError> {
        unscripted()
    }

    async fn resolve_digest(
        &self,
        _reference: &ImageReference,
        _account: Option<&RegistryAccount>,
    ) -> Result<Option<Digest>, EngineError> {
        unscripted()
    }

    async fn probe(&self, _order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
        unscripted()
    }

    async fn build(&self, _order: &BuildOrder, _sink: &dyn ProgressSink) -> Result<BuiltImage, EngineError> {
        unscripted()
    }

    async fn tag(&self, _image: &str, _name: &ImageReference) -> Result<(), EngineError> {
        unscripted()
    }

    async fn push(
        &self,
        _reference: &ImageReference,
        _account: Option<&RegistryAccount>,
        _digests: &dyn DigestSource,
        _sink: &dyn ProgressSink,
    ) -> Result<Digest, EngineError> {
        unscripted()
    }

    async fn remove_image(&self, _image: &str) -> Result<bool, EngineError> {
        unscripted()
    }

    async fn list_our_images(&self) -> Result<Vec<LocalImage>, EngineError> {
        unscripted()
    }

    async fn list_pins(&self) -> Result<Vec<PinnedImage>, EngineError> {
        Ok(Vec::new())
    }

    async fn list_our_containers(&self) -> Result<Vec<LocalContainer>, EngineError> {
        unscripted()
    }

    async fn images_in_use(&self) -> Result<Vec<String>, EngineError> {
        unscripted()
    }

    async fn remove_container(&self, _container_id: &str) -> Result<(), EngineError> {
        unscripted()
    }

    async fn prune_build_cache(&self, _keep_bytes: u64) -> Result<u64, EngineError> {
        unscripted()
    }

    async fn disk_usage(&self) -> Result<DaemonDisk, EngineError> {
        unscripted()
    }
}
