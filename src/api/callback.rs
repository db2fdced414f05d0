//! Tag `callback`: the headers that callbacks carry and the attempts that were made.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::JsonBody;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::language::{Language, Message};
use crate::request::{Location, ValidationError};
use crate::site::{check_headers, is_shown};
use crate::store::{AttemptRow, StoreError};

/// The most rows that one answer carries.
const MAX_ROWS: i64 = 10_000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(callback_welcome))
        .routes(routes!(callback_all))
        .routes(routes!(callback_latest))
        .routes(routes!(update_headers))
        .routes(routes!(test_callback))
}

/// An attempt to deliver a callback.
#[derive(Serialize, ToSchema)]
struct CallbackView {
    /// Row number.
    primary_id: i64,
    /// Task number.
    task_id: i64,
    /// Stable id that every attempt of one callback carries.
    delivery_id: String,
    /// Where to.
    url: String,
    /// Headers that were sent; a value that may be a credential is shown as `***`.
    headers: BTreeMap<String, String>,
    /// The body that was sent: `imageName`, `taskId`, `state` and more.
    #[schema(value_type = Object)]
    state: Value,
    /// What the receiver answered, shortened and with `***` where it repeats a value that is hidden in `headers`, or why
    /// nothing came.
    result: String,
    /// HTTP status of the answer.
    status_code: Option<i64>,
    /// When it was made.
    create_time: String,
    /// When the row last changed.
    update_time: String,
}

impl CallbackView {
    fn new(row: AttemptRow, state: &AppState) -> Result<Self, ApiError> {
        let headers = state.site.open_headers(&row.headers_sealed)?;
        Ok(Self {
            primary_id: row.primary_id,
            task_id: row.task_id,
            delivery_id: row.delivery_id,
            url: row.url,
            headers: headers.into_iter().map(hide_value).collect(),
            state: serde_json::from_str(&row.body).unwrap_or_else(|_| Value::Object(Map::new())),
            result: row.result,
            status_code: row.status_code,
            create_time: state.time(row.create_time),
            update_time: state.time(row.update_time),
        })
    }
}

fn hide_value((name, value): (String, String)) -> (String, String) {
    let shown = if is_shown(&name) { value } else { "***".to_owned() };
    (name, shown)
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/callback/welcome", tag = "callback",
    responses((status = 200, body = Welcome)))]
async fn callback_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Callback Module")
}

/// List the attempts to deliver callbacks, newest first
#[utoipa::path(get, path = "/api/fast-build/callback/all", tag = "callback",
    responses((status = 200, body = Envelope<Vec<CallbackView>>)))]
async fn callback_all(State(state): State<AppState>, caller: Caller) -> Answer<Vec<CallbackView>> {
    let rows = attempts(&state, &caller, MAX_ROWS).await?;
    success(rows.into_iter().map(|row| CallbackView::new(row, &state)).collect::<Result<_, _>>()?)
}

/// Show the last attempt to deliver a callback
///
/// `code` -1 when there is none yet.
#[utoipa::path(get, path = "/api/fast-build/callback/latest", tag = "callback",
    responses((status = 200, body = Envelope<CallbackView>)))]
async fn callback_latest(State(state): State<AppState>, caller: Caller) -> Answer<CallbackView> {
    let newest = attempts(&state, &caller, 1).await?.pop().ok_or(Message::NoCallbackYet)?;
    success(CallbackView::new(newest, &state)?)
}

async fn attempts(state: &AppState, caller: &Caller, limit: i64) -> Result<Vec<AttemptRow>, StoreError> {
    match caller.limited_to() {
        None => state.store.attempts(limit).await,
        Some(owner) => state.store.attempts_of_owner(owner, limit).await,
    }
}

/// A header's value; numbers and truth values are written out.
#[derive(serde::Deserialize, ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the body for the OpenAPI document")]
enum HeaderText {
    Text(String),
    Number(f64),
    Truth(bool),
}

/// Replace the headers that callbacks carry
///
/// A JSON object of names and values. Headers that the connection sets itself, such as `Host`, are `code` -1.
#[utoipa::path(post, path = "/api/fast-build/callback/update-headers", tag = "callback",
    request_body(content = BTreeMap<String, HeaderText>,
        example = json!({"X-BizType": "DROS", "X-Login-UserId": "1", "Content-Type": "application/json"})),
    responses((status = 200, body = Envelope<String>), FormErrors))]
async fn update_headers(State(state): State<AppState>, language: Language, JsonBody(body): JsonBody) -> Answer<String> {
    let headers = read_headers(body).map_err(ApiError::Invalid)?;
    check_headers(&headers).map_err(Message::HeaderInvalid)?;
    state.site.update_callback_headers(&headers).await?;
    success(Message::HeadersUpdated.render(language))
}

/// What the receiver of a callback answered.
#[derive(Serialize, ToSchema)]
struct ReceiverAnswer {
    /// HTTP status; absent when no answer came.
    status_code: Option<u16>,
    /// The answer's text, shortened and with `***` where it repeats what may be a credential, or why none came.
    body: String,
}

/// Send the last recorded callback again
///
/// `data` is what the receiver answered. `code` -1 when there is no callback yet.
#[utoipa::path(post, path = "/api/fast-build/callback/test-callback", tag = "callback",
    responses((status = 200, body = Envelope<ReceiverAnswer>)))]
async fn test_callback(State(state): State<AppState>) -> Answer<ReceiverAnswer> {
    let answer = state.callbacks.resend_last().await.map_err(ApiError::internal)?.ok_or(Message::NoCallbackYet)?;
    success(ReceiverAnswer { status_code: answer.status_code, body: answer.text })
}

fn read_headers(body: Value) -> Result<BTreeMap<String, String>, Vec<ValidationError>> {
    let Value::Object(object) = body else {
        return Err(vec![ValidationError::new(Location::body(), "value is not a valid dict", "type_error.dict")]);
    };
    let mut errors = Vec::new();
    let mut headers = BTreeMap::new();
    for (name, value) in object {
        let location = Location::body().field(&name);
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => truth.to_string(),
            Value::Null => {
                let text = "none is not an allowed value";
                errors.push(ValidationError::new(location, text, "type_error.none.not_allowed"));
                continue;
            }
            Value::Array(_) | Value::Object(_) => {
                errors.push(ValidationError::new(location, "str type expected", "type_error.str"));
                continue;
            }
        };
        headers.insert(name, text);
    }
    if errors.is_empty() { Ok(headers) } else { Err(errors) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn headers_are_texts_or_become_texts() {
        let headers = read_headers(json!({"a": "x", "b": 1, "c": true})).unwrap();
        assert_eq!(headers.into_values().collect::<Vec<_>>(), ["x", "1", "true"]);
        let errors = read_headers(json!({"a": null, "b": [], "c": "x"})).unwrap_err();
        assert_eq!(
            errors.iter().map(|error| error.kind).collect::<Vec<_>>(),
            ["type_error.none.not_allowed", "type_error.str"]
        );
        for no_object in [json!([]), json!("x"), json!(null), json!(1)] {
            assert_eq!(read_headers(no_object).unwrap_err()[0].kind, "type_error.dict");
        }
    }

    #[test]
    fn what_may_be_a_credential_is_hidden_whatever_its_name() {
        for (name, shown) in [
            ("Authorization", "***"),
            ("X-API-KEY", "***"),
            ("X-Gateway-Pass", "***"),
            ("X-Sign", "***"),
            ("X-BizType-Pass", "***"),
            ("X-BizType", "v"),
            ("x-login-userid", "v"),
            ("Content-Type", "v"),
        ] {
            assert_eq!(hide_value((name.to_owned(), "v".to_owned())).1, shown, "{name}");
        }
    }
}
