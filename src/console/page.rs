//! What all pages have in common: the frame around them, and what is shown when there is no page.

use askama::Template;
use axum::extract::{OriginalUri, State};
use axum::response::{Html, IntoResponse, Response};
use http::{StatusCode, Uri};

use super::Console;
use super::speech::Speech;
use super::texts::Texts;
use crate::access::{Caller, Role};
use crate::language::Language;
use crate::store::StoreError;

/// The pages of the navigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Tasks,
    NewBuild,
    Images,
    Configuration,
    Callbacks,
    Tokens,
}

/// The frame around a page.
pub(super) struct Frame {
    /// Texts.
    pub(super) t: &'static Texts,
    /// Value of `lang`.
    pub(super) lang: &'static str,
    /// Where to come back to after a change of language.
    pub(super) path: String,
    /// This page's place in the navigation.
    pub(super) section: Option<Section>,
    /// Whether a part of the site is not configured yet.
    pub(super) is_unconfigured: bool,
    /// The scripts' texts.
    pub(super) script_texts: String,
    /// Version of the service.
    pub(super) version: &'static str,
    /// Who is logged in; absent while nobody is asked.
    pub(super) user: Option<String>,
    /// What a change from this page must bring along; empty while nobody is asked.
    pub(super) csrf: String,
    /// What the reader may do; nobody in particular may nothing.
    role: Option<Role>,
}

impl Frame {
    /// The frame of a page.
    pub(super) fn new(console: &Console, speech: Speech, section: Section, uri: &Uri) -> Self {
        Self {
            is_unconfigured: !console.site.missing_parts().is_empty(),
            section: Some(section),
            ..Self::bare(speech, uri)
        }
    }

    /// The frame of a page that belongs nowhere.
    pub(super) fn bare(speech: Speech, uri: &Uri) -> Self {
        Self {
            t: speech.texts,
            lang: speech.language.tag(),
            path: uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            section: None,
            is_unconfigured: false,
            script_texts: speech.texts.script_json(),
            version: env!("CARGO_PKG_VERSION"),
            csrf: speech.caller.as_ref().and_then(Caller::csrf).unwrap_or_default().to_owned(),
            role: speech.caller.as_ref().map(|caller| caller.role),
            user: speech.caller.map(|caller| caller.user).filter(|user| !user.is_empty()),
        }
    }

    /// Whether the reader is known, or nobody is asked.
    pub(super) fn is_entered(&self) -> bool {
        self.role.is_some()
    }

    /// Whether the reader may build.
    pub(super) fn can_submit(&self) -> bool {
        self.role >= Some(Role::Submit)
    }

    /// Whether the reader may everything.
    pub(super) fn can_administer(&self) -> bool {
        self.role >= Some(Role::Administer)
    }

    /// Whether the page belongs to this place of the navigation.
    pub(super) fn is(&self, section: &str) -> bool {
        let name = match self.section {
            Some(Section::Tasks) => "tasks",
            Some(Section::NewBuild) => "new",
            Some(Section::Images) => "images",
            Some(Section::Configuration) => "configuration",
            Some(Section::Callbacks) => "callbacks",
            Some(Section::Tokens) => "tokens",
            None => "",
        };
        name == section
    }

    /// Languages to choose from: tag, own name, whether it is this page's.
    pub(super) fn languages(&self) -> [(&'static str, &'static str, bool); 2] {
        [Language::Chinese, Language::English].map(|language| {
            let name = match language {
                Language::Chinese => "中文",
                Language::English => "English",
            };
            (language.tag(), name, language.tag() == self.lang)
        })
    }
}

/// A page that cannot be shown.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    /// Nothing is there.
    #[error("there is no such page")]
    NotFound,
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A template.
    #[error("a page cannot be rendered")]
    Template(#[from] askama::Error),
    /// Mirrors and installers.
    #[error(transparent)]
    Catalogue(#[from] crate::catalogue::CatalogueError),
}

#[derive(Template)]
#[template(path = "message.html")]
struct MessagePage {
    frame: Frame,
    title: &'static str,
    hint: &'static str,
}

/// Renders a page, or what stands in its place.
pub(super) fn respond<T: Template>(page: Result<T, PageError>, speech: Speech, uri: &Uri) -> Response {
    let rendered = page.and_then(|page| Ok(page.render()?));
    let common = &speech.texts.common;
    let (status, title, hint) = match rendered {
        Ok(html) => return Html(html).into_response(),
        Err(PageError::NotFound) => (StatusCode::NOT_FOUND, common.not_found, common.not_found_hint),
        Err(error) => {
            let causes = std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let chain: Vec<_> = causes.map(ToString::to_string).collect();
            tracing::error!("the page {} failed: {}", uri.path(), chain.join(": "));
            (StatusCode::INTERNAL_SERVER_ERROR, common.failed, common.failed_hint)
        }
    };
    let page = MessagePage { frame: Frame::bare(speech, uri), title, hint };
    (status, Html(page.render().unwrap_or_default())).into_response()
}

/// The page of an address that leads nowhere.
pub(super) async fn not_found(State(_): State<Console>, speech: Speech, OriginalUri(uri): OriginalUri) -> Response {
    respond(Err::<MessagePage, _>(PageError::NotFound), speech, &uri)
}
