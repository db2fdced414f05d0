//! A service with something to show on every page: made through its own API, with real builds.

use std::time::Duration;

use serde_json::json;

use crate::lab;
use crate::support::{Receiver, RequestShape, TestService, docker};

const LIMIT: Duration = Duration::from_mins(5);

/// A service with data.
pub struct Furnished {
    /// The service.
    pub service: TestService,
    /// A task that was pushed.
    pub pushed: i64,
    /// A task whose build failed.
    pub failed: i64,
    /// The name of the pushed image.
    pub image: String,
}

impl Furnished {
    /// Stops the service and removes the image it made.
    pub async fn stop(self) {
        self.service.stop().await;
        docker(&["rmi", &self.image]).await;
    }
}

/// Configures a service, builds one image, fails another, offers a base.
pub async fn furnished() -> Furnished {
    let service = TestService::configured().await;
    let receiver = Receiver::start().await;
    let base = lab::base("debian:12");
    let (status, answer) = service.post(&format!("/image/add-base-image?image_name={base}"), &json!({})).await;
    assert_eq!((status, &answer["code"]), (200, &json!(0)), "{answer:#}");
    let target = lab::unique_name("console");
    let mut request = RequestShape::console(&base, &target, &receiver.url).os_packages("apt", &["tree"]).build();
    request["image_data"]["task_name"] = json!("tools for teaching");
    request["image_data"]["webSSHSecret"] = json!(crate::support::encrypted("Teaching-2026"));
    let pushed = service.submit(&request).await;
    let broken = lab::unique_name("console-broken");
    let request = RequestShape::console(&base, &broken, "").os_packages("apt", &["no-such-package-anywhere"]).build();
    let failed = service.submit(&request).await;
    let row = service.end_of(pushed, LIMIT).await;
    assert_eq!(row["state"], "PUSH_SUCCESS", "{row:#}");
    let row = service.end_of(failed, LIMIT).await;
    assert_eq!(row["state"], "BUILD_FAILED", "{row:#}");
    receiver.wait(pushed).await;
    Furnished { service, pushed, failed, image: target.to_string() }
}
