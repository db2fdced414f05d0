//! The form of a new build. Its fields are checked by the API when they are previewed or submitted.

use askama::Template;
use axum::extract::{OriginalUri, Query, State};
use axum::response::Response;

use super::Console;
use super::page::{Frame, PageError, Section, respond};
use super::paging::{ListQuery, text};
use super::speech::Speech;
use super::texts::Texts;
use crate::catalogue::{SoftwareListing, SourceListing};
use crate::store::ImageRow;
use crate::task::TaskId;

const BASES_OFFERED: i64 = 500;

#[derive(Template)]
#[template(path = "build.html")]
struct BuildPage {
    frame: Frame,
    t: &'static Texts,
    base: String,
    bases: Vec<ImageRow>,
    sources: SourceListing,
    software: SoftwareListing,
    target_hint: String,
    from_note: Option<String>,
    from_request: String,
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri, query: &ListQuery) -> Result<BuildPage, PageError> {
    let t = speech.texts;
    let store = &console.store;
    let (bases, _) = store.images("", "Base", None, 1, BASES_OFFERED).await?;
    let registry = store.harbors(1).await?.pop().map_or_else(|| "harbor.example.cn".to_owned(), |row| row.registry);
    let from = match text(query, "from").parse().ok().map(TaskId) {
        Some(task_id) => {
            let task = store.task(task_id).await?;
            task.filter(|task| speech.limited_to().is_none_or(|user| user == task.owner)).map(|task| task.id())
        }
        None => None,
    };
    let from_request = match from {
        Some(task_id) => store.request_document(task_id).await?.unwrap_or_default(),
        None => String::new(),
    };
    Ok(BuildPage {
        frame: Frame::new(console, speech, Section::NewBuild, uri),
        t,
        base: text(query, "base").to_owned(),
        bases,
        sources: console.catalogue.list_source().await?,
        software: console.catalogue.list_software().await?,
        target_hint: t.build.target_hint.replace("{example}", &format!("{registry}/team/image:v1")),
        from_note: from
            .filter(|_| !from_request.is_empty())
            .map(|task_id| t.build.from_task.replace("{task}", &task_id.to_string())),
        from_request,
    })
}

/// Shows the form.
pub(super) async fn show(
    State(console): State<Console>,
    speech: Speech,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Response {
    respond(page(&console, speech.clone(), &uri, &query).await, speech, &uri)
}
