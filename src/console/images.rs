//! The list of images.

use askama::Template;
use axum::extract::{OriginalUri, Query, State};
use axum::response::Response;

use super::Console;
use super::figures::{Stamp, short_id, size, stamp};
use super::page::{Frame, PageError, Section, respond};
use super::paging::{ListQuery, PAGE_SIZE, Paging, page_number, text};
use super::speech::Speech;
use super::texts::Texts;
use crate::store::{ImageRow, ImageType};

#[derive(Template)]
#[template(path = "images.html")]
struct ImagesPage {
    frame: Frame,
    t: &'static Texts,
    keyword: String,
    kind: String,
    is_filtered: bool,
    images: Vec<ImageEntry>,
    paging: Paging,
}

struct ImageEntry {
    full_name: String,
    build_link: String,
    description: String,
    is_base: bool,
    size: String,
    services: Vec<String>,
    image_id: String,
    short_id: String,
    task_id: Option<i64>,
    created: Stamp,
}

fn entry(row: ImageRow, console: &Console) -> ImageEntry {
    let full_name = format!("{}:{}", row.name, row.tag);
    let mut link = url::form_urlencoded::Serializer::new(String::new());
    link.append_pair("base", &full_name);
    ImageEntry {
        build_link: format!("/console/new?{}", link.finish()),
        is_base: row.r#type == ImageType::Base.as_str(),
        size: if row.size_bytes > 0 { size(row.size_bytes) } else { String::new() },
        services: row
            .interaction
            .split(',')
            .map(|name| name.trim().to_owned())
            .filter(|name| !name.is_empty())
            .collect(),
        short_id: short_id(&row.image_id).to_owned(),
        task_id: (row.task_id != 0).then_some(row.task_id),
        created: stamp(row.create_time, &console.settings.fb.time_zone.0),
        full_name,
        description: row.description,
        image_id: row.image_id,
    }
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri, query: &ListQuery) -> Result<ImagesPage, PageError> {
    let (keyword, kind) = (text(query, "keyword"), text(query, "type"));
    let (rows, total) = console.store.images(keyword, kind, speech.limited_to(), page_number(query), PAGE_SIZE).await?;
    Ok(ImagesPage {
        t: speech.texts,
        frame: Frame::new(console, speech, Section::Images, uri),
        is_filtered: !keyword.is_empty() || !kind.is_empty(),
        paging: Paging::new("/console/images", query, rows.len(), total),
        keyword: keyword.to_owned(),
        kind: kind.to_owned(),
        images: rows.into_iter().map(|row| entry(row, console)).collect(),
    })
}

/// Shows the images.
pub(super) async fn show(
    State(console): State<Console>,
    speech: Speech,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Response {
    respond(page(&console, speech.clone(), &uri, &query).await, speech, &uri)
}
