//! Logging in with a token, and out again.
//!
//! The form holds a token and nothing else; what comes back is a cookie that no script reads. Wrong attempts are
//! counted by address; a right one is never refused.

use askama::Template;
use axum::extract::{OriginalUri, Query, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::{Extension, Form};
use http::header::{CACHE_CONTROL, RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use serde::Deserialize;

use super::Console;
use super::page::Frame;
use super::paging::{ListQuery, text};
use super::speech::{Speech, local_path};
use super::texts::Texts;
use crate::access::{AccessError, Caller, Peer, Proof, forget_cookie, session_cookie, set_cookie};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    frame: Frame,
    t: &'static Texts,
    back: String,
    problem: Option<&'static str>,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Entry {
    #[serde(default)]
    token: SecretString,
    #[serde(default)]
    back: String,
}

fn page(status: StatusCode, speech: Speech, uri: &http::Uri, back: &str, problem: Option<&'static str>) -> Response {
    let t = speech.texts;
    let page = LoginPage { frame: Frame::bare(speech, uri), t, back: local_path(back).to_owned(), problem };
    match page.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    tracing::error!("a login failed: {error}");
    StatusCode::INTERNAL_SERVER_ERROR.into_response()
}

/// Shows the form, or the page that was wanted to those who need none.
pub(super) async fn show(
    speech: Speech,
    caller: Option<Extension<Caller>>,
    OriginalUri(uri): OriginalUri,
    Query(query): Query<ListQuery>,
) -> Response {
    let back = text(&query, "back");
    match caller {
        Some(_) => Redirect::to(local_path(back)).into_response(),
        None => page(StatusCode::OK, speech, &uri, back, None),
    }
}

/// Takes a token and begins a session.
pub(super) async fn enter(
    State(console): State<Console>,
    speech: Speech,
    caller: Option<Extension<Caller>>,
    peer: Option<Extension<Peer>>,
    OriginalUri(uri): OriginalUri,
    Form(entry): Form<Entry>,
) -> Response {
    let access = &console.access;
    if caller.is_some_and(|caller| caller.proof == Proof::Open) {
        return Redirect::to("/").into_response();
    }
    let l = &speech.texts.login;
    match access.begin_session(&entry.token).await {
        Ok(Some(session)) => {
            tracing::info!("{} logged in to the console", session.caller.user);
            let cookie = set_cookie(&session, access.is_secure());
            ([(SET_COOKIE, cookie), (CACHE_CONTROL, "no-store".to_owned())], Redirect::to(local_path(&entry.back)))
                .into_response()
        }
        Ok(None) => match access.count_wrong_attempt(peer.map(|Extension(peer)| peer)) {
            Ok(()) => page(StatusCode::UNAUTHORIZED, speech, &uri, &entry.back, Some(l.refused)),
            Err(seconds) => {
                let mut refused = page(StatusCode::TOO_MANY_REQUESTS, speech, &uri, &entry.back, Some(l.too_often));
                refused.headers_mut().insert(RETRY_AFTER, seconds.into());
                refused
            }
        },
        Err(error) => failed(&error),
    }
}

/// Ends the session.
pub(super) async fn leave(State(console): State<Console>, headers: HeaderMap) -> Response {
    let ended: Result<(), AccessError> = match session_cookie(&headers) {
        Some(text) => console.access.end_session(&text).await,
        None => Ok(()),
    };
    match ended {
        Ok(()) => {
            let cookie = forget_cookie(console.access.is_secure());
            ([(SET_COOKIE, cookie)], Redirect::to("/console/login")).into_response()
        }
        Err(error) => failed(&error),
    }
}
