//! Every route in one place, and the layers around them.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use axum::extract::{DefaultBodyLimit, Request};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::header::{ALLOW, LOCATION};
use http::{HeaderValue, StatusCode};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, Predicate, SizeAbove};
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_swagger_ui::{self as swagger, SwaggerUi};

use super::document::Foundation;
use super::{
    ApiError, AppState, callback, check_result, config, cors, data, edge, events, file, guard, health, hello, host,
    image, image_life, image_verbs, metrics, openapi_document, pacing, progress, retention, sbom, scan, submit, system,
    task, task_files, task_verbs,
};
use crate::console;

/// Answers smaller than this are not worth compressing.
const COMPRESSED_FROM_BYTES: u16 = 1_024;

/// Every documented route, in the order of the document.
pub(super) fn documented() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(Foundation::openapi()).merge(health::constant_routes()).merge(surrounded())
}

fn surrounded() -> OpenApiRouter<AppState> {
    callback::routes()
        .merge(check_result::routes())
        .merge(config::routes())
        .merge(data::routes())
        .merge(file::routes())
        .merge(hello::routes())
        .merge(host::routes())
        .merge(image::routes())
        .merge(image_verbs::routes())
        .merge(image_life::routes())
        .merge(progress::routes())
        .merge(health::routes())
        .merge(metrics::routes())
        .merge(system::routes())
        .merge(retention::routes())
        .merge(task::routes())
        .merge(submit::routes())
        .merge(task_verbs::routes())
        .merge(events::routes())
        .merge(sbom::routes())
        .merge(scan::routes())
        .merge(task_files::routes())
}

/// The service's router.
pub fn router(state: AppState) -> Router {
    // Made when somebody loses the way: the document takes as much memory as all else that an idle service holds.
    let paths: Arc<OnceLock<BTreeSet<String>>> = Arc::default();
    let trusted: cors::TrustedOrigins = state.settings.fb.cors_origins.clone().into();
    let (routes, _) = surrounded().split_for_parts();
    let compression =
        CompressionLayer::new().compress_when(DefaultPredicate::new().and(SizeAbove::new(COMPRESSED_FROM_BYTES)));
    let surrounded = routes
        .route("/openapi.json", get(openapi))
        .merge(SwaggerUi::new("/docs").config(swagger::Config::new(["/openapi.json"])))
        .merge(console::router(state.console()))
        .fallback(move |request: Request| {
            let paths = Arc::clone(&paths);
            async move { elsewhere(paths.get_or_init(documented_paths), &request) }
        })
        .layer(DefaultBodyLimit::disable())
        .layer(CatchPanicLayer::custom(edge::panicked))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .layer(from_fn_with_state(state.clone(), pacing::pace))
        .layer(from_fn_with_state(state.clone(), edge::edge))
        .layer(compression)
        .layer(from_fn_with_state(trusted, cors::cors));
    // No layer surrounds the constant, because it is what every other answer is measured against.
    let (constant, _) = health::constant_routes().split_for_parts();
    let constant = constant.route_layer(map_response(word_constant));
    constant.merge(surrounded).with_state(state)
}

async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi_document())
}

fn documented_paths() -> BTreeSet<String> {
    openapi_document().paths.paths.into_keys().collect()
}

/// A path that no route has. With a slash too many, or without the one of the root, the caller is sent to the right one.
fn elsewhere(paths: &BTreeSet<String>, request: &Request) -> Response {
    let path = request.uri().path();
    let wanted = match path.strip_suffix('/') {
        Some(stripped) => stripped.trim_end_matches('/').to_owned(),
        None => format!("{path}/"),
    };
    // Only paths of our own document are redirected to, so that no text of a caller decides where a browser goes.
    if !paths.contains(&wanted) {
        return ApiError::NotFound.into_response();
    }
    let location = request.uri().query().map_or_else(|| wanted.clone(), |query| format!("{wanted}?{query}"));
    match HeaderValue::from_str(&location) {
        Ok(location) => (StatusCode::TEMPORARY_REDIRECT, [(LOCATION, location)]).into_response(),
        Err(_) => ApiError::NotFound.into_response(),
    }
}

async fn word_constant(response: Response) -> Response {
    if response.status() != StatusCode::METHOD_NOT_ALLOWED {
        return response;
    }
    let mut worded = edge::method_not_allowed();
    worded.headers_mut().insert(ALLOW, HeaderValue::from_static("GET,HEAD"));
    worded
}
