//! What the settings, the catalogue and the daemon say about a recipe.

use super::Pipeline;
use super::failure::StageFailure;
use crate::catalogue::Installers;
use crate::engine::Builder;
use crate::image::{ImageConfig, ImageReference, RegistryHost};
use crate::recipe::{self, PipTool, RecipeOptions, Sharers, UNTRUSTED_LABEL};
use crate::request::BuildRequest;
use crate::settings::{BuilderChoice, DefaultPython, PipInstaller};
use crate::site::{DockerServer, Harbor};

impl Pipeline {
    /// Options for a request's recipe on this base, with these installers to choose from.
    pub async fn recipe_options(
        &self,
        request: &BuildRequest,
        harbor: &Harbor,
        docker: &DockerServer,
        base: &ImageConfig,
        installers: &Installers,
    ) -> Result<RecipeOptions, StageFailure> {
        // The directory holds pip's own installer as well.
        let uv_files = || {
            let files = installers.pip3.iter().filter(|name| name.as_str() == "uv" || name.as_str().starts_with("uv-"));
            files.cloned().collect()
        };
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
            python_tarballs: installers.python.clone(),
            conda_installers: installers.conda.clone(),
            pip_tool: match self.settings.build.pip_installer {
                PipInstaller::Auto if !request.plain_pip => PipTool::Auto(uv_files()),
                _ => PipTool::Pip,
            },
        })
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
