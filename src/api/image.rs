//! Tag `image`: images of record.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, Page, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields};
use super::image_view::ImageView;
use super::task::{MAX_PAGE, MAX_PAGE_SIZE, MAX_ROWS};
use crate::access::Caller;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(image_welcome)).routes(routes!(list_image)).routes(routes!(list_all))
}

/// A page of images.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListImage {
    /// Page, from 1.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    page: i64,
    /// Rows of a page; 100,000 at most are answered.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 10)]
    page_size: i64,
    /// Part of the name, tag or description, in any case.
    keyword: Option<String>,
    /// `Base` or `Customized`.
    image_type: Option<String>,
}

impl FromFields for ListImage {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            page: fields.integer("page", 1..=MAX_PAGE),
            page_size: fields.integer("page_size", 1..=MAX_PAGE_SIZE),
            keyword: Some(fields.text_or_empty("keyword")),
            image_type: Some(fields.text_or_empty("image_type")),
        }
    }
}

/// A page of images.
#[derive(Serialize, ToSchema)]
struct ImagePage {
    /// Where it stands.
    page: Page,
    /// Its images, newest first.
    image_list: Vec<ImageView>,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/image/welcome", tag = "image", responses((status = 200, body = Welcome)))]
async fn image_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Image Module")
}

/// List a page of images, newest first
#[utoipa::path(get, path = "/api/fast-build/image/list-image", tag = "image", params(ListImage),
    responses((status = 200, body = Envelope<ImagePage>), FormErrors))]
async fn list_image(
    State(state): State<AppState>,
    caller: Caller,
    Query(query): Query<ListImage>,
) -> Answer<ImagePage> {
    let keyword = query.keyword.unwrap_or_default();
    let image_type = query.image_type.unwrap_or_default();
    let page_size = query.page_size.min(MAX_ROWS);
    let (rows, total) = state.store.images(&keyword, &image_type, caller.limited_to(), query.page, page_size).await?;
    let image_list = rows.into_iter().map(|row| ImageView::new(row, &state)).collect();
    success(ImagePage { page: Page { current: query.page, total, page_size: query.page_size }, image_list })
}

/// List all images, oldest first
#[utoipa::path(get, path = "/api/fast-build/image/list-all", tag = "image",
    responses((status = 200, body = Envelope<Vec<ImageView>>)))]
async fn list_all(State(state): State<AppState>, caller: Caller) -> Answer<Vec<ImageView>> {
    let (rows, _) = state.store.images("", "", caller.limited_to(), 1, MAX_ROWS).await?;
    success(rows.into_iter().rev().map(|row| ImageView::new(row, &state)).collect())
}
