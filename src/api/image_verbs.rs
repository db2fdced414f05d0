//! Tag `image`: offering bases and deleting images.

use axum::extract::State;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields};
use super::task::ImageNameQuery;
use super::task_verbs::{image_refusal, reference};
use crate::access::Caller;
use crate::language::{Language, Message};

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(delete_image_by_image_name)).routes(routes!(add_base_image))
}

/// Which image to delete, and where.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteImage {
    /// Image name.
    #[param(example = "harbor.example.cn/team/numpy:v1")]
    image_name: String,
    /// Whether the registry's copy goes too; only what a task of ours pushed, and no digest that carries another tag.
    remote: Option<bool>,
}

impl FromFields for DeleteImage {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { image_name: fields.text("image_name"), remote: Some(fields.boolean_or("remote", false)) }
    }
}

/// Remove an image from the daemon and the list
///
/// `data` tells each step. With `remote` the registry's copy goes too.
#[utoipa::path(delete, path = "/api/fast-build/image/delete-image-by-image-name", tag = "image", params(DeleteImage),
    responses((status = 200, body = Envelope<Vec<String>>), FormErrors))]
async fn delete_image_by_image_name(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<DeleteImage>,
) -> Answer<Vec<String>> {
    let reference = reference(&query.image_name)?;
    if let Some(user) = caller.limited_to()
        && state.images.owner(&reference).await?.as_deref() != Some(user)
    {
        return Err(Message::ImageUnknown { image_name: reference.to_string() }.into());
    }
    let deletion = state.images.delete(&reference, query.remote.unwrap_or(false)).await;
    let deletion = deletion.map_err(|error| image_refusal(error, &caller))?;
    success(deletion.steps.into_iter().map(|step| Message::Deletion(step).render(language)).collect())
}

/// Offer an image as a base
///
/// An image that is not on the daemon yet is pulled in the background.
#[utoipa::path(post, path = "/api/fast-build/image/add-base-image", tag = "image", params(ImageNameQuery),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn add_base_image(
    State(state): State<AppState>,
    language: Language,
    Query(query): Query<ImageNameQuery>,
) -> Answer<String> {
    let reference = reference(&query.image_name)?;
    let image_name = reference.to_string();
    let is_present = state.images.offer_base(reference).await?;
    let message = if is_present { Message::BaseAdded { image_name } } else { Message::BasePulling { image_name } };
    success(message.render(language))
}
