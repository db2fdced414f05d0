//! Pictures of every page, in both languages, at desk and phone width, in light and dark, under `target/screenshots`.

use std::time::Duration;

use super::site::furnished;
use crate::support::{Browser, Look};

const SHORT: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_picture_and_fits_its_window() {
    let site = furnished().await;
    let url = &site.service.url;
    let pushed = format!("/console/tasks/{}", site.pushed);
    let failed = format!("/console/tasks/{}", site.failed);
    let new = format!("/console/new?from={}", site.pushed);
    let pages = [
        ("tasks", "/"),
        ("task-pushed", pushed.as_str()),
        ("task-failed", failed.as_str()),
        ("build", new.as_str()),
        ("images", "/console/images"),
        ("configuration", "/console/configuration"),
        ("callbacks", "/console/callbacks"),
        ("tokens", "/console/tokens"),
        ("missing", "/console/nothing"),
    ];
    let looks = [
        ("zh", Look { language: "zh-CN", width: 1280, is_dark: false }),
        ("en", Look { language: "en", width: 1280, is_dark: false }),
        ("zh-phone", Look { language: "zh-CN", width: 390, is_dark: false }),
        ("en-phone", Look { language: "en", width: 390, is_dark: true }),
        ("en-dark", Look { language: "en", width: 1280, is_dark: true }),
    ];
    for (look_name, look) in looks {
        let browser = Browser::open(look).await;
        for (name, path) in pages {
            browser.go(&format!("{url}{path}")).await;
            if name.starts_with("task-") {
                browser.until("the log", SHORT, "document.querySelectorAll('#log .line').length > 3").await;
            }
            if name == "build" {
                browser.until("the preview", SHORT, "!document.querySelector('#preview-dockerfile').hidden").await;
            }
            assert_eq!(browser.overflow().await, 0, "{name} is wider than a window of {} pixels", look.width);
            let picture = browser.picture(&format!("{name}-{look_name}")).await;
            assert!(picture.metadata().unwrap().len() > 5_000, "{}", picture.display());
            if (name, look_name) == ("task-pushed", "en") {
                // The picture of the documentation: scripts/picture.sh takes it over.
                browser.picture_of_window("console").await;
            }
            // The missing page's own status is the only thing to complain about.
            let complaints = browser.complaints().await;
            assert!(name == "missing" || complaints.is_empty(), "{name}: {complaints:?}");
        }
        browser.close().await;
    }
    site.stop().await;
}
