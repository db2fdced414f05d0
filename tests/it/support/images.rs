//! Lab images moved between daemon and registry.

use fastbuild::engine::AskDaemon;
use fastbuild::image::ImageReference;

use crate::lab;

/// Removes the daemon's copy of an image and pulls what the registry has under that name.
pub async fn fetch_again(image: &ImageReference) {
    let engine = lab::engine().await;
    let name = image.to_string();
    assert!(engine.remove_image(&name).await.expect("removal"), "{name} was not on the daemon");
    assert!(engine.inspect_image(&name).await.expect("inspection").is_none(), "{name} is still on the daemon");
    engine.pull(image, Some(&lab::account()), &lab::Events::default()).await.expect("pull from the registry");
}

/// The same image under a new name that the registry has and the daemon does not.
pub async fn registry_only(image: &ImageReference) -> ImageReference {
    let engine = lab::engine().await;
    lab::have(engine.as_ref(), image).await;
    let name = lab::unique_name("only-pushed");
    engine.tag(&image.to_string(), &name).await.expect("tag");
    engine.push(&name, Some(&lab::account()), &AskDaemon, &lab::Events::default()).await.expect("push");
    assert!(engine.remove_image(&name.to_string()).await.expect("removal"));
    name
}

/// Removes a name from the daemon.
pub async fn forget(image: &ImageReference) {
    lab::engine().await.remove_image(&image.to_string()).await.expect("removal");
}
