//! Images, containers and disk space.

use fastbuild::engine::{Builder, Engine};
use fastbuild::image::ImageReference;

use crate::lab::{Events, base, engine, have, order, unique_name};

async fn built(engine: &dyn Engine) -> (ImageReference, String) {
    let (base, name) = (base("scratchlike:1"), unique_name("images"));
    have(engine, &base).await;
    let order = order(Builder::BuildKit, &format!("FROM {base}\nLABEL name={name}\n"), &[&name]);
    let built = engine.build(&order, &Events::default()).await.expect("build");
    (name, built.image_id.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daemon_says_what_it_is() {
    let info = engine().await.info().await.expect("info");
    assert_eq!(info.os, "linux");
    assert!(info.has_buildkit && info.api_version >= (1, 39), "{info:?}");
    assert!(!info.version.is_empty() && !info.architecture.is_empty() && info.root_directory.starts_with('/'));
    assert!(info.insecure_registries.contains(&"127.0.0.0/8".to_owned()), "{info:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_keeps_what_its_configuration_says() {
    let engine = engine().await;
    let image = base("entrypoint:1");
    have(&*engine, &image).await;
    let config = engine.inspect_image(&image.to_string()).await.expect("inspect").expect("image");
    assert!(!config.entrypoint.is_empty(), "{config:?}");
    assert!(config.environment.iter().any(|entry| entry.starts_with("PATH=")));
    assert_eq!((config.os.as_str(), config.image_id.is_some()), ("linux", true));
    assert!(config.size_bytes > 1_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn ours_are_listed_named_and_removed() {
    let engine = engine().await;
    let (name, image_id) = built(&*engine).await;
    let pin: ImageReference = format!("fastbuild.invalid/base:{}", &image_id["sha256:".len()..]).parse().expect("pin");
    engine.tag(&image_id, &pin).await.expect("tag");
    let images = engine.list_our_images().await.expect("list");
    let ours = images.iter().find(|image| image.image_id == image_id).expect("our image");
    assert!(ours.tags.contains(&name.to_string()) && ours.tags.contains(&pin.to_string()), "{ours:?}");
    assert_eq!(ours.labels.get("constructor").map(String::as_str), Some("FastBuild"));
    assert!(ours.created_seconds > 0);
    for reference in [&name, &pin] {
        assert!(engine.remove_image(&reference.to_string()).await.expect("removal"));
        assert!(!engine.remove_image(&reference.to_string()).await.expect("second removal"));
    }
    assert!(engine.inspect_image(&image_id).await.expect("inspect").is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_in_use_is_not_removed() {
    let engine = engine().await;
    let (name, image_id) = built(&*engine).await;
    let docker = bollard::Docker::connect_with_socket(
        crate::lab::docker_socket().to_str().expect("path"),
        60,
        bollard::API_DEFAULT_VERSION,
    );
    let body = bollard::models::ContainerCreateBody {
        image: Some(name.to_string()),
        cmd: Some(vec!["/none".to_owned()]),
        labels: Some([("constructor".to_owned(), "FastBuild".to_owned())].into()),
        ..Default::default()
    };
    let options = None::<bollard::query_parameters::CreateContainerOptions>;
    let container = docker.expect("daemon").create_container(options, body).await.expect("container").id;
    assert!(engine.images_in_use().await.expect("in use").contains(&image_id));
    let ours = engine.list_our_containers().await.expect("list");
    let ours = ours.iter().find(|known| known.container_id == container).expect("our container");
    assert_eq!(ours.image_id, image_id);
    assert!(engine.remove_image(&name.to_string()).await.is_err());
    engine.remove_container(&container).await.expect("removal");
    engine.remove_container(&container).await.expect("second removal");
    assert!(engine.remove_image(&name.to_string()).await.expect("removal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_image_name_reaches_no_path() {
    let engine = engine().await;
    for name in ["", "..", "../containers", "a b", "x?force=1", "x%2f..", "UPPER"] {
        assert!(engine.inspect_image(name).await.is_err(), "{name}");
        assert!(engine.remove_image(name).await.is_err(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn disk_space_is_told_and_pruning_keeps_a_budget() {
    let engine = engine().await;
    let usage = engine.disk_usage().await.expect("usage");
    assert!(usage.layers_bytes > 0, "{usage:?}");
    // A budget above all there is: other tests go on building beside this one.
    let freed = engine.prune_build_cache(usage.build_cache_bytes + (1 << 40)).await.expect("prune");
    assert_eq!(freed, 0);
}
