//! A real engine with something done just before a build: what others do to a daemon at the worst moment.

use std::sync::Arc;

use async_trait::async_trait;
use fastbuild::engine::{
    BuildOrder, BuiltImage, Connector, DaemonDisk, DaemonInfo, DigestSource, DockerConnector, Endpoint, Engine,
    EngineError, LocalContainer, LocalImage, PinnedImage, ProbeOrder, ProbeOutput, ProgressSink, RegistryAccount,
};
use fastbuild::image::{Digest, ImageConfig, ImageReference};
use futures_util::future::BoxFuture;

type Forgets = Arc<dyn Fn() -> bool + Send + Sync>;
type Meddle = Arc<dyn Fn(&BuildOrder) -> BoxFuture<'static, ()> + Send + Sync>;

/// Connects to real daemons and meddles with their builds.
pub struct Meddling {
    before_build: Meddle,
    forgets: Forgets,
}

impl Meddling {
    /// Does this before every build.
    pub fn before_build(meddle: impl Fn(&BuildOrder) -> BoxFuture<'static, ()> + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { before_build: Arc::new(meddle), forgets: Arc::new(|| false) })
    }

    /// Builds without the daemon's cache whenever this says so.
    pub fn without_cache(forgets: impl Fn() -> bool + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self { before_build: Arc::new(|_| Box::pin(async {})), forgets: Arc::new(forgets) })
    }
}

#[async_trait]
impl Connector for Meddling {
    async fn connect(&self, endpoint: &Endpoint) -> Result<Arc<dyn Engine>, EngineError> {
        let real = DockerConnector::default().connect(endpoint).await?;
        Ok(Arc::new(MeddledEngine { real, before_build: self.before_build.clone(), forgets: self.forgets.clone() }))
    }
}

struct MeddledEngine {
    real: Arc<dyn Engine>,
    before_build: Meddle,
    forgets: Forgets,
}

#[async_trait]
impl Engine for MeddledEngine {
    async fn build(&self, order: &BuildOrder, sink: &dyn ProgressSink) -> Result<BuiltImage, EngineError> {
        (self.before_build)(order).await;
        let order = BuildOrder { no_cache: order.no_cache || (self.forgets)(), ..order.clone() };
        self.real.build(&order, sink).await
    }

    async fn info(&self) -> Result<DaemonInfo, EngineError> {
        self.real.info().await
    }

    async fn check_login(&self, account: &RegistryAccount) -> Result<(), EngineError> {
        self.real.check_login(account).await
    }

    async fn inspect_image(&self, image: &str) -> Result<Option<ImageConfig>, EngineError> {
        self.real.inspect_image(image).await
    }

    async fn pull(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        sink: &dyn ProgressSink,
    ) -> Result<ImageConfig, EngineError> {
        self.real.pull(reference, account, sink).await
    }

    async fn resolve_digest(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
    ) -> Result<Option<Digest>, EngineError> {
        self.real.resolve_digest(reference, account).await
    }

    async fn probe(&self, order: &ProbeOrder) -> Result<ProbeOutput, EngineError> {
        self.real.probe(order).await
    }

    async fn tag(&self, image: &str, name: &ImageReference) -> Result<(), EngineError> {
        self.real.tag(image, name).await
    }

    async fn push(
        &self,
        reference: &ImageReference,
        account: Option<&RegistryAccount>,
        digests: &dyn DigestSource,
        sink: &dyn ProgressSink,
    ) -> Result<Digest, EngineError> {
        self.real.push(reference, account, digests, sink).await
    }

    async fn remove_image(&self, image: &str) -> Result<bool, EngineError> {
        self.real.remove_image(image).await
    }

    async fn list_our_images(&self) -> Result<Vec<LocalImage>, EngineError> {
        self.real.list_our_images().await
    }

    async fn list_pins(&self) -> Result<Vec<PinnedImage>, EngineError> {
        self.real.list_pins().await
    }

    async fn list_our_containers(&self) -> Result<Vec<LocalContainer>, EngineError> {
        self.real.list_our_containers().await
    }

    async fn images_in_use(&self) -> Result<Vec<String>, EngineError> {
        self.real.images_in_use().await
    }

    async fn remove_container(&self, container_id: &str) -> Result<(), EngineError> {
        self.real.remove_container(container_id).await
    }

    async fn prune_build_cache(&self, keep_bytes: u64) -> Result<u64, EngineError> {
        self.real.prune_build_cache(keep_bytes).await
    }

    async fn disk_usage(&self) -> Result<DaemonDisk, EngineError> {
        self.real.disk_usage().await
    }
}
