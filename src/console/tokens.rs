//! Tokens: who may call, since when and until when; making and revoking them.

use askama::Template;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::json;

use super::Console;
use super::figures::{Stamp, stamp};
use super::outcome::Outcome;
use super::page::{Frame, PageError, Section, respond};
use super::speech::Speech;
use super::texts::Texts;
use crate::access::{AccessError, AccessName, Role, Standing, TokenOrder, create_token, revoke_token};

const LONGEST_DAYS: u32 = 36_500;

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    t: &'static Texts,
    is_open: bool,
    tokens: Vec<TokenEntry>,
    roles: [(&'static str, &'static str); 3],
}

struct TokenEntry {
    primary_id: i64,
    name: String,
    user: String,
    role: &'static str,
    tone: &'static str,
    standing: &'static str,
    is_usable: bool,
    made: Stamp,
    used: Option<Stamp>,
    ends: Option<Stamp>,
}

fn role_label(role: &str, t: &'static Texts) -> &'static str {
    match Role::from_name(role) {
        Some(Role::Read) => t.tokens.read,
        Some(Role::Submit) => t.tokens.submit,
        Some(Role::Administer) => t.tokens.administer,
        None => "",
    }
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri) -> Result<TokensPage, PageError> {
    let t = speech.texts;
    let zone = &console.settings.fb.time_zone.0;
    let now = console.access.clock().now();
    let rows = console.store.access_tokens().await?;
    let tokens = rows.into_iter().map(|row| {
        let standing = Standing::of(&row, now);
        let (tone, label) = match standing {
            Standing::Usable => ("good", t.tokens.usable),
            Standing::Expired => ("muted", t.tokens.expired),
            Standing::Revoked => ("bad", t.tokens.revoked),
        };
        TokenEntry {
            primary_id: row.primary_id,
            role: role_label(&row.role, t),
            tone,
            standing: label,
            is_usable: standing == Standing::Usable,
            made: stamp(row.create_time, zone),
            used: row.last_use_time.map(|time| stamp(time, zone)),
            ends: row.revoke_time.or(row.expire_time).map(|time| stamp(time, zone)),
            name: row.name,
            user: row.user_name,
        }
    });
    Ok(TokensPage {
        tokens: tokens.collect(),
        is_open: !console.access.was_closed(),
        roles: [
            (Role::Submit.as_str(), t.tokens.submit),
            (Role::Read.as_str(), t.tokens.read),
            (Role::Administer.as_str(), t.tokens.administer),
        ],
        frame: Frame::new(console, speech, Section::Tokens, uri),
        t,
    })
}

/// Shows the tokens.
pub(super) async fn show(State(console): State<Console>, speech: Speech, OriginalUri(uri): OriginalUri) -> Response {
    respond(page(&console, speech.clone(), &uri).await, speech, &uri)
}

/// What the form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Order {
    name: String,
    #[serde(default)]
    user: String,
    role: Role,
    #[serde(default)]
    expires_days: Option<u32>,
}

/// Makes a token; its text is told in this answer and nowhere else.
pub(super) async fn create(State(console): State<Console>, speech: Speech, Json(order): Json<Order>) -> Outcome {
    let t = &speech.texts.tokens;
    let user = order.user.trim();
    let names = (order.name.trim().parse::<AccessName>(), Some(user).filter(|user| !user.is_empty()).map(str::parse));
    let (Ok(name), Ok(user)) = (names.0, names.1.transpose() as Result<Option<AccessName>, _>) else {
        return Outcome::refused(t.name_invalid);
    };
    if order.expires_days.is_some_and(|days| !(1..=LONGEST_DAYS).contains(&days)) {
        return Outcome::refused(t.days_invalid);
    }
    let order = TokenOrder { name, user, role: order.role, expires_days: order.expires_days };
    match create_token(&console.store, console.access.clock(), order).await {
        Ok(made) => Outcome::with(&json!({ "token": made.text.expose_secret(), "user": made.user })),
        Err(AccessError::NameTaken(_)) => Outcome::refused(t.name_taken),
        Err(error) => failed(&error, &speech),
    }
}

/// Which token to revoke.
#[derive(Debug, Deserialize)]
pub(super) struct Revocation {
    primary_id: i64,
}

/// Revokes a token and ends its sessions.
pub(super) async fn revoke(State(console): State<Console>, speech: Speech, Json(order): Json<Revocation>) -> Outcome {
    let t = &speech.texts.tokens;
    match revoke_token(&console.store, console.access.clock(), &order.primary_id.to_string()).await {
        Ok(_) => Outcome::done(t.is_revoked),
        Err(AccessError::Unknown(_)) => Outcome::refused(t.unknown),
        Err(error) => failed(&error, &speech),
    }
}

fn failed(error: &AccessError, speech: &Speech) -> Outcome {
    tracing::error!("a token could not be made or revoked: {error}");
    Outcome::refused(speech.texts.common.failed)
}
