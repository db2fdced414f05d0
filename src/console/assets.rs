//! Style, scripts and icon, compiled in. A browser keeps them and asks by their hash whether they are still good.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};

const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const ICON: &str = "image/svg+xml";

struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
}

static ASSETS: [Asset; 13] = [
    Asset { name: "console.css", content_type: STYLE, content: include_str!("../../static/console.css") },
    Asset { name: "icon.svg", content_type: ICON, content: include_str!("../../static/icon.svg") },
    Asset { name: "console.js", content_type: SCRIPT, content: include_str!("../../static/console.js") },
    Asset { name: "tasks.js", content_type: SCRIPT, content: include_str!("../../static/tasks.js") },
    Asset { name: "task.js", content_type: SCRIPT, content: include_str!("../../static/task.js") },
    Asset { name: "findings.js", content_type: SCRIPT, content: include_str!("../../static/findings.js") },
    Asset { name: "log.js", content_type: SCRIPT, content: include_str!("../../static/log.js") },
    Asset { name: "packages.js", content_type: SCRIPT, content: include_str!("../../static/packages.js") },
    Asset { name: "build.js", content_type: SCRIPT, content: include_str!("../../static/build.js") },
    Asset { name: "images.js", content_type: SCRIPT, content: include_str!("../../static/images.js") },
    Asset { name: "configuration.js", content_type: SCRIPT, content: include_str!("../../static/configuration.js") },
    Asset { name: "tokens.js", content_type: SCRIPT, content: include_str!("../../static/tokens.js") },
    Asset { name: "callbacks.js", content_type: SCRIPT, content: include_str!("../../static/callbacks.js") },
];

static TAGS: LazyLock<Vec<String>> = LazyLock::new(|| {
    ASSETS.iter().map(|asset| format!("\"{}\"", &hex::encode(Sha256::digest(asset.content))[..16])).collect()
});

/// Serves a file.
pub(super) async fn serve(Path(file): Path<String>, headers: HeaderMap) -> Response {
    let Some(index) = ASSETS.iter().position(|asset| asset.name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let (asset, tag) = (&ASSETS[index], TAGS[index].as_str());
    let kept = headers.get(IF_NONE_MATCH).and_then(|tags| tags.to_str().ok()).unwrap_or_default();
    let common = [(ETAG, tag), (CACHE_CONTROL, "no-cache")];
    if kept.split(',').any(|kept| kept.trim().trim_start_matches("W/") == tag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    (common, [(CONTENT_TYPE, asset.content_type)], asset.content).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_fetched_from_elsewhere() {
        for asset in &ASSETS {
            let foreign = asset.content.replace("http://www.w3.org/2000/svg", "");
            assert!(!foreign.contains("://") || asset.content_type == SCRIPT, "{}", asset.name);
            for forbidden in ["@import", "https://", "eval(", "innerHTML", "document.write"] {
                assert!(!foreign.contains(forbidden), "{} has {forbidden}", asset.name);
            }
        }
    }
}
