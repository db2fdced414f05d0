//! What the settings, the catalogue and the daemon say about a recipe.

use super::Pipeline;
use super::failure::StageFailure;
use crate::catalogue::{InstallerKind, SoftwareListing};
use crate::engine::Builder;
use crate::image::{ImageConfig, ImageReference, RegistryHost};
use crate::recipe::{self, PipTool, RecipeOptions, Sharers, UNTRUSTED_LABEL};
use crate::request::{BuildRequest, FileName};
use crate::settings::{BuilderChoice, DefaultPython, PipInstaller};
use crate::site::{DockerServer, Harbor};

impl Pipeline {
    /// Options for a request's recipe on this base.
    pub async fn recipe_options(
        &self,
        request: &BuildRequest,
        harbor: &Harbor,
        docker: &DockerServer,
        base: &ImageConfig,
    ) -> Result<RecipeOptions, StageFailure> {
        let software: SoftwareListing = self.catalogue.list_software().await?;
        let names = |names: &[String]| -> Vec<FileName> { names.iter().filter_map(|name| name.parse().ok()).collect() };
        Ok(RecipeOptions {
            builder: self.builder(docker).await?,
            sharers: self.sharers(harbor, &request.base, base),
            default_python: match &self.settings.build.default_python {
                DefaultPython::Auto => recipe::DefaultPython::Auto,
                DefaultPython::System => recipe::DefaultPython::System,
                // A name that is none cannot be in tools_dir either, so that the newest is as good.
                DefaultPython::Tarball(name) => {
                    name.parse().map_or(recipe::DefaultPython::Auto, recipe::DefaultPython::Tarball)
                }
            },
            python_tarballs: names(&software.python),
            conda_installers: names(&software.conda),
            pip_tool: match self.settings.build.pip_installer {
                PipInstaller::Auto if !request.plain_pip => PipTool::Auto(self.uv_files(names(&software.pip)).await),
                _ => PipTool::Pip,
            },
        })
    }

    /// Files of uv for Python 3. The listing holds those for Python 2 as well.
    async fn uv_files(&self, names: Vec<FileName>) -> Vec<FileName> {
        let mut found = Vec::new();
        for name in names.into_iter().filter(|name| name.as_str() == "uv" || name.as_str().starts_with("uv-")) {
            let kind = InstallerKind::Pip { python_major: 3 };
            if self.catalogue.installer_file(kind, &name).await.is_ok() {
                found.push(name);
            }
        }
        found
    }

    async fn builder(&self, docker: &DockerServer) -> Result<Builder, StageFailure> {
        Ok(match self.settings.build.builder {
            BuilderChoice::BuildKit => Builder::BuildKit,
            BuilderChoice::Auto if docker.known_info().await?.has_buildkit => Builder::BuildKit,
            BuilderChoice::Auto | BuilderChoice::Classic => Builder::Classic,
        })
    }

    /// Bases of our Harbor and of trusted registries share package caches; any other base has caches of its own, since
    /// what runs in its builds could poison them. So has what was built from it, wherever it lies now.
    fn sharers(&self, harbor: &Harbor, name: &ImageReference, base: &ImageConfig) -> Sharers {
        let registry = name.registry().map_or("docker.io", RegistryHost::as_str);
        let is_trusted = self.settings.build.trusted_registries.iter().any(|trusted| trusted == registry);
        if (is_trusted || harbor.account_for(name).is_some()) && !base.labels.contains_key(UNTRUSTED_LABEL) {
            return Sharers::Trusted;
        }
        Sharers::OneBase(base.image_id.as_ref().map_or("unknown", |id| &id.hex()[..16]).to_owned())
    }
}
