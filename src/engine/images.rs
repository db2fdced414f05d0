//! Images, containers and disk space on the daemon.

use std::collections::{BTreeMap, HashMap};

use bollard::errors::Error as BollardError;
use bollard::models::ImageInspect;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListImagesOptionsBuilder, RemoveContainerOptionsBuilder, RemoveImageOptionsBuilder,
    TagImageOptionsBuilder,
};
use http::Method;
use serde::Deserialize;

use super::daemon::{ANSWER_LIMIT, Call, Daemon, SLOW_ANSWER_LIMIT, is_not_found};
use super::{DaemonDisk, EngineError, LocalContainer, LocalImage, PinnedImage};
use crate::cause::Cause;
use crate::image::{Digest, ImageConfig, ImageReference, PIN_REGISTRY, is_pin};

/// The label by which ours are told from everybody else's.
pub(super) const OUR_LABEL: (&str, &str) = ("constructor", "FastBuild");

/// The configuration of an image, `None` when the daemon does not have it.
pub(super) async fn inspect(daemon: &Daemon, image: &str) -> Result<Option<ImageConfig>, EngineError> {
    check_name(image)?;
    let call = async {
        match daemon.docker.inspect_image(image).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(error),
        }
    };
    Ok(daemon.call("inspecting an image", ANSWER_LIMIT, call).await?.map(image_config))
}

fn image_config(found: ImageInspect) -> ImageConfig {
    let config = found.config.unwrap_or_default();
    ImageConfig {
        image_id: found.id.and_then(|id| id.parse().ok()),
        repository_digests: found.repo_digests.unwrap_or_default(),
        repository_tags: found.repo_tags.unwrap_or_default(),
        entrypoint: config.entrypoint.unwrap_or_default(),
        command: config.cmd.unwrap_or_default(),
        user: config.user.unwrap_or_default(),
        working_directory: config.working_dir.unwrap_or_default(),
        environment: config.env.unwrap_or_default(),
        shell: config.shell.unwrap_or_default(),
        stop_signal: config.stop_signal.unwrap_or_default(),
        on_build: config.on_build.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        architecture: found.architecture.unwrap_or_default(),
        os: found.os.unwrap_or_default(),
        size_bytes: count(found.size.unwrap_or_default()),
    }
}

/// Gives an image a further name.
pub(super) async fn tag(daemon: &Daemon, image: &str, name: &ImageReference) -> Result<(), EngineError> {
    check_name(image)?;
    let repository = name.name();
    let options = TagImageOptionsBuilder::new().repo(&repository).tag(name.tag_or_latest()).build();
    daemon.call("naming an image", ANSWER_LIMIT, daemon.docker.tag_image(image, Some(options))).await
}

/// Removes a name or an id, never by force; `false` when there was none.
pub(super) async fn remove(daemon: &Daemon, image: &str) -> Result<bool, EngineError> {
    check_name(image)?;
    let options = RemoveImageOptionsBuilder::new().force(false).noprune(false).build();
    let call = async { found(daemon.docker.remove_image(image, Some(options), None).await.map(drop)) };
    daemon.call("removing an image", SLOW_ANSWER_LIMIT, call).await
}

/// Images with our label.
pub(super) async fn list(daemon: &Daemon) -> Result<Vec<LocalImage>, EngineError> {
    let options = ListImagesOptionsBuilder::new().filters(&our_filter()).build();
    let call = daemon.docker.list_images(Some(options));
    let images = daemon.call("listing images", ANSWER_LIMIT, call).await?;
    let local = |image: bollard::models::ImageSummary| LocalImage {
        image_id: image.id,
        // Docker's word for an image without a name.
        tags: image.repo_tags.into_iter().filter(|tag| tag != "<none>:<none>").collect(),
        labels: image.labels.into_iter().collect(),
        created_seconds: image.created,
        size_bytes: count(image.size),
    };
    Ok(images.into_iter().map(local).collect())
}

/// Names of ours for bases and installers.
pub(super) async fn pins(daemon: &Daemon) -> Result<Vec<PinnedImage>, EngineError> {
    let filter = HashMap::from([("reference".to_owned(), vec![format!("{PIN_REGISTRY}/*")])]);
    let options = ListImagesOptionsBuilder::new().filters(&filter).build();
    let images = daemon.call("listing images", ANSWER_LIMIT, daemon.docker.list_images(Some(options))).await?;
    let mut pins = Vec::new();
    for image in images {
        let names: Vec<ImageReference> = image.repo_tags.iter().filter_map(|tag| tag.parse().ok()).collect();
        for name in names.into_iter().filter(is_pin) {
            let call = async {
                match daemon.docker.inspect_image(&name.to_string()).await {
                    Ok(found) => Ok(Some(found)),
                    Err(error) if is_not_found(&error) => Ok(None),
                    Err(error) => Err(error),
                }
            };
            let Some(found) = daemon.call("inspecting an image", ANSWER_LIMIT, call).await? else { continue };
            let named = found.metadata.and_then(|metadata| metadata.last_tag_time);
            pins.push(PinnedImage {
                name,
                image_id: image.id.clone(),
                last_named_seconds: named.map_or(image.created, |time| time.unix_timestamp().max(image.created)),
                size_bytes: count(image.size),
            });
        }
    }
    Ok(pins)
}

/// Containers with our label, or all of them; stopped ones included.
pub(super) async fn containers(daemon: &Daemon, only_ours: bool) -> Result<Vec<LocalContainer>, EngineError> {
    let mut options = ListContainersOptionsBuilder::new().all(true);
    if only_ours {
        options = options.filters(&our_filter());
    }
    let call = daemon.docker.list_containers(Some(options.build()));
    let containers = daemon.call("listing containers", ANSWER_LIMIT, call).await?;
    let local = |container: bollard::models::ContainerSummary| LocalContainer {
        container_id: container.id.unwrap_or_default(),
        image_id: container.image_id.unwrap_or_default(),
        labels: container.labels.unwrap_or_default().into_iter().collect::<BTreeMap<_, _>>(),
        created_seconds: container.created.unwrap_or_default(),
    };
    Ok(containers.into_iter().map(local).collect())
}

/// Removes a container by force, with its anonymous volumes; one that is gone already is fine.
pub(super) async fn remove_container(daemon: &Daemon, container: &str) -> Result<(), EngineError> {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let call = async { found(daemon.docker.remove_container(container, Some(options)).await) };
    daemon.call("removing a container", ANSWER_LIMIT, call).await.map(drop)
}

/// Prunes BuildKit's cache down to a budget.
pub(super) async fn prune_build_cache(daemon: &Daemon, keep_bytes: u64) -> Result<u64, EngineError> {
    // `all` because a cache that no image needs any more is the smaller part of it.
    let path = format!("/build/prune?all=1&keep-storage={keep_bytes}");
    let pruned: Pruned = daemon.ask(Call::new(Method::POST, &path).empty()?, SLOW_ANSWER_LIMIT).await?;
    Ok(pruned.space_reclaimed)
}

/// Bytes in use.
pub(super) async fn disk_usage(daemon: &Daemon) -> Result<DaemonDisk, EngineError> {
    let usage: DiskUsage = daemon.ask(Call::new(Method::GET, "/system/df").empty()?, SLOW_ANSWER_LIMIT).await?;
    let parts = usage.build_cache.unwrap_or_default();
    // A shared part is a layer of an image and counted there.
    let cache = parts.iter().filter(|part| !part.shared).map(|part| count(part.size)).sum();
    Ok(DaemonDisk { layers_bytes: count(usage.layers_size), build_cache_bytes: cache })
}

#[derive(Deserialize)]
struct Pruned {
    #[serde(rename = "SpaceReclaimed", default)]
    space_reclaimed: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct DiskUsage {
    #[serde(default)]
    layers_size: i64,
    #[serde(default)]
    build_cache: Option<Vec<CachePart>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CachePart {
    #[serde(default)]
    size: i64,
    #[serde(default)]
    shared: bool,
}

fn our_filter() -> HashMap<String, Vec<String>> {
    let (name, value) = OUR_LABEL;
    HashMap::from([("label".to_owned(), vec![format!("{name}={value}")])])
}

fn found(result: Result<(), BollardError>) -> Result<bool, BollardError> {
    match result {
        Ok(()) => Ok(true),
        Err(error) if is_not_found(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn count(bytes: i64) -> u64 {
    u64::try_from(bytes).unwrap_or(0)
}

/// An image is named by id or by reference; anything else could lead the request to another path.
fn check_name(image: &str) -> Result<(), EngineError> {
    if image.parse::<Digest>().is_ok() || image.parse::<ImageReference>().is_ok() {
        return Ok(());
    }
    Err(EngineError::new(Cause::Internal, format!("'{image}' is neither an image id nor an image name")))
}
