//! The language of a page: the one chosen by hand, else the browser's, else the setting's.

use axum::Form;
use axum::extract::FromRequestParts;
use axum::response::{IntoResponse, Redirect, Response};
use http::HeaderMap;
use http::header::{ACCEPT_LANGUAGE, COOKIE, SET_COOKIE};
use http::request::Parts;
use serde::Deserialize;

use super::Console;
use super::texts::Texts;
use crate::access::Caller;
use crate::language::Language;
use crate::settings::Settings;

const COOKIE_NAME: &str = "fastbuild_language";
const COOKIE_SECONDS: u32 = 365 * 24 * 3_600;

/// To whom a page speaks, and in which language.
#[derive(Debug, Clone)]
pub(super) struct Speech {
    pub(super) language: Language,
    pub(super) texts: &'static Texts,
    /// Who reads it; nobody in particular at the login.
    pub(super) caller: Option<Caller>,
}

impl Speech {
    /// The only owner whose tasks the page may show; `None` when it may show all.
    pub(super) fn limited_to(&self) -> Option<&str> {
        self.caller.as_ref().and_then(Caller::limited_to)
    }
}

impl FromRequestParts<Console> for Speech {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, console: &Console) -> Result<Self, Self::Rejection> {
        let language = language_of(&parts.headers, &console.settings);
        Ok(Self { language, texts: Texts::of(language), caller: parts.extensions.get().cloned() })
    }
}

/// The language of a request.
pub(super) fn language_of(headers: &HeaderMap, settings: &Settings) -> Language {
    chosen(headers).unwrap_or_else(|| {
        let accepted = headers.get(ACCEPT_LANGUAGE).and_then(|header| header.to_str().ok()).unwrap_or_default();
        Language::from_accepted(accepted, settings.fb.language.into())
    })
}

fn chosen(headers: &HeaderMap) -> Option<Language> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let tag = cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))?;
    Language::ALL.into_iter().find(|language| language.tag() == tag)
}

/// A choice of language.
#[derive(Debug, Deserialize)]
pub(super) struct Choice {
    language: String,
    #[serde(default)]
    back: String,
}

/// Remembers the language that somebody chose.
pub(super) async fn choose(Form(choice): Form<Choice>) -> Response {
    let back = Redirect::to(local_path(&choice.back));
    match Language::ALL.into_iter().find(|language| language.tag() == choice.language) {
        Some(language) => {
            let tag = language.tag();
            let cookie = format!("{COOKIE_NAME}={tag}; Path=/; Max-Age={COOKIE_SECONDS}; SameSite=Lax; HttpOnly");
            ([(SET_COOKIE, cookie)], back).into_response()
        }
        None => back.into_response(),
    }
}

/// The path when it stays on this site, else the first page.
pub(super) fn local_path(path: &str) -> &str {
    let stays = path.starts_with('/')
        && !path.starts_with("//")
        && path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if stays { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn the_choice_wins_over_the_browser() {
        let settings = Settings::default();
        let mut headers = HeaderMap::new();
        assert_eq!(language_of(&headers, &settings), Language::Chinese);
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static("en-GB"));
        assert_eq!(language_of(&headers, &settings), Language::English);
        headers.insert(COOKIE, HeaderValue::from_static("a=b; fastbuild_language=zh-CN"));
        assert_eq!(language_of(&headers, &settings), Language::Chinese);
        headers.insert(COOKIE, HeaderValue::from_static("fastbuild_language=klingon"));
        assert_eq!(language_of(&headers, &settings), Language::English);
    }

    #[test]
    fn the_way_back_stays_here() {
        for (path, kept) in [
            ("/console/images?page=2", "/console/images?page=2"),
            ("", "/"),
            ("//evil.example", "/"),
            ("/\\evil.example", "/"),
            ("https://evil.example", "/"),
            ("/a\r\nSet-Cookie: x", "/"),
        ] {
            assert_eq!(local_path(path), kept, "{path:?}");
        }
    }
}
