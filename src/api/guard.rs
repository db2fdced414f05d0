//! The one door: finds out who asks, and whether the route is for them.
//!
//! It stands before every route but `/healthz`. While the service is open it only checks for whom a request was meant; once
//! it is closed a request without a good token, session or link goes no further.

use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method, Uri};
use http_body_util::{BodyExt, Limited};
use secrecy::SecretString;

use super::permissions::{Needs, needs};
use super::{ApiError, AppState};
use crate::access::{AccessError, Caller, Proof, Refusal, Role, is_foreign, session_cookie};

const CSRF_HEADER: HeaderName = HeaderName::from_static("x-csrf-token");
/// The field of a form that takes the header's place.
const CSRF_FIELD: &str = "csrf";
/// The console's forms are short.
const FORM_BYTES: usize = 16 << 10;
const LOGIN: &str = "/console/login";

/// Lets a request through to its route, with its caller among its extensions.
pub(super) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    match admit(&state, request).await {
        Ok(request) => next.run(request).await,
        Err(refusal) => refusal,
    }
}

async fn admit(state: &AppState, request: Request) -> Result<Request, Response> {
    let (mut parts, mut body) = request.into_parts();
    let asks = match parts.extensions.get::<MatchedPath>() {
        Some(path) => needs(&parts.method, path.as_str()).unwrap_or(Needs::Role(Role::Administer)),
        // No route: who is known here is told so.
        None => Needs::Role(Role::Read),
    };
    let is_closed = match state.access.is_closed().await {
        Ok(is_closed) => is_closed,
        // What asks for nothing answers even when the database does not.
        Err(_) if asks == Needs::Nothing => return Ok(Request::from_parts(parts, body)),
        Err(error) => return Err(respond(error)),
    };
    if !is_closed {
        let hosts = state.access.known_hosts(state.site.host().map(|host| host.host));
        if !hosts.know(&parts.headers, &parts.uri) {
            return Err(ApiError::Forbidden(Refusal::HostUnknown).into_response());
        }
        parts.extensions.insert(Caller::anybody());
        return Ok(Request::from_parts(parts, body));
    }
    let caller = match identify(state, &parts, asks).await {
        Err(_) if asks == Needs::Nothing => None,
        identified => identified?,
    };
    let role = match asks {
        Needs::Nothing => None,
        Needs::Role(role) | Needs::RoleOrLink(role) => Some(role),
    };
    match (&caller, role) {
        (Some(caller), Some(role)) if caller.role < role => {
            return Err(ApiError::Forbidden(Refusal::RoleLacking(role)).into_response());
        }
        (None, Some(_)) => return Err(turn_away(&parts)),
        _ => {}
    }
    if let Some(caller) = caller {
        body = refuse_foreign(&caller, &parts, body).await?;
        parts.extensions.insert(caller);
    }
    Ok(Request::from_parts(parts, body))
}

/// Who asks; `None` when they show nothing. What they show and is not good is refused, except where nothing is asked.
async fn identify(state: &AppState, parts: &Parts, asks: Needs) -> Result<Option<Caller>, Response> {
    let (access, headers) = (&state.access, &parts.headers);
    if let Some(token) = token(headers, access.header()) {
        let caller = access.caller_of_token(&token).await.map_err(respond)?;
        return match caller {
            None if asks != Needs::Nothing => Err(ApiError::Unauthorized(Refusal::TokenRefused).into_response()),
            caller => Ok(caller),
        };
    }
    if matches!(asks, Needs::RoleOrLink(_))
        && let Some(until) = access.signed_until(parts.uri.path(), parts.uri.query())
    {
        return Ok(Some(Caller::of_link(until)));
    }
    match session_cookie(headers) {
        Some(text) => access.caller_of_session(&text).await.map_err(respond),
        None => Ok(None),
    }
}

/// The token among the headers: `Authorization: Bearer`, or the header that the settings name.
fn token(headers: &HeaderMap, additional: Option<&HeaderName>) -> Option<SecretString> {
    let bearer = |text: &str| {
        let (scheme, token) = text.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim().to_owned())
    };
    let standard = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).and_then(bearer);
    let other = || {
        let text = headers.get(additional?)?.to_str().ok()?.trim();
        Some(bearer(text).unwrap_or_else(|| text.to_owned())).filter(|text| !text.is_empty())
    };
    standard.or_else(other).map(SecretString::from)
}

/// A person is led to the login, a program is told what is missing.
fn turn_away(parts: &Parts) -> Response {
    let accepted = parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let is_person = matches!(parts.method, Method::GET | Method::HEAD) && accepted.contains("text/html");
    if is_person {
        return Redirect::to(&login_address(&parts.uri)).into_response();
    }
    ApiError::Unauthorized(Refusal::TokenMissing).into_response()
}

fn login_address(uri: &Uri) -> String {
    let wanted = uri.path_and_query().map_or("/", |path| path.as_str());
    if wanted == "/" {
        return LOGIN.to_owned();
    }
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("back", wanted);
    format!("{LOGIN}?{}", query.finish())
}

/// A browser sends its cookie whoever made it ask, so that a change needs more: it comes from a page of this site, and
/// brings what only such a page knows.
async fn refuse_foreign(caller: &Caller, parts: &Parts, body: Body) -> Result<Body, Response> {
    let is_safe = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    if is_safe || !matches!(caller.proof, Proof::Session { .. }) {
        return Ok(body);
    }
    let refused = || ApiError::Forbidden(Refusal::ForeignPage).into_response();
    if is_foreign(&parts.headers) {
        return Err(refused());
    }
    let given = parts.headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    if given.is_some() {
        return if caller.is_own_page(given) { Ok(body) } else { Err(refused()) };
    }
    let kind = parts.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("application/x-www-form-urlencoded") {
        return Err(refused());
    }
    let form = Limited::new(body, FORM_BYTES).collect().await.map_err(|_| refused())?.to_bytes();
    let field = url::form_urlencoded::parse(&form).find(|(name, _)| name == CSRF_FIELD).map(|(_, value)| value);
    if caller.is_own_page(field.as_deref()) { Ok(Body::from(form)) } else { Err(refused()) }
}

#[expect(clippy::needless_pass_by_value, reason = "errors are handed over where they end")]
fn respond(error: AccessError) -> Response {
    ApiError::internal(error.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_token_is_found_where_it_may_be() {
        let additional = HeaderName::from_static("x-token");
        for (name, value, found) in [
            ("authorization", "Bearer abc", Some("abc")),
            ("authorization", "bearer  abc ", Some("abc")),
            ("authorization", "Basic abc", None),
            ("authorization", "abc", None),
            ("x-token", "abc", Some("abc")),
            ("x-token", "Bearer abc", Some("abc")),
            ("x-token", "", None),
            ("x-other", "abc", None),
        ] {
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_static(value))]);
            let token = token(&headers, Some(&additional));
            assert_eq!(token.as_ref().map(ExposeSecret::expose_secret), found, "{name}: {value}");
        }
    }

    #[test]
    fn the_way_back_is_kept() {
        assert_eq!(login_address(&Uri::from_static("/")), "/console/login");
        assert_eq!(
            login_address(&Uri::from_static("/console/images?page=2")),
            "/console/login?back=%2Fconsole%2Fimages%3Fpage%3D2"
        );
    }
}
