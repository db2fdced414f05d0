//! Sessions of the console: a random text in a cookie, its hash in a row beside the token it was begun with.
//!
//! The row is what ends with a logout, and the token's own row is read with every request, so that a revoked token takes
//! its sessions along at once.

use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;

use super::caller::{Caller, Proof};
use super::token::caller;
use super::{Access, AccessError, fits};
use crate::secret::{random_token, token_hash};

/// Name of the cookie.
pub const SESSION_COOKIE: &str = "fastbuild_session";
const CSRF_PURPOSE: &str = "console csrf v1";
const MAX_BYTES: usize = 128;

/// A session that has just begun.
pub struct NewSession {
    /// What the cookie holds.
    pub text: SecretString,
    /// How long it lasts.
    pub seconds: i64,
    /// What the token may do.
    pub caller: Caller,
}

impl Access {
    /// Begins a session; `None` when the token is none of ours.
    pub async fn begin_session(&self, token: &SecretString) -> Result<Option<NewSession>, AccessError> {
        let Some(row) = self.usable_token(token).await? else { return Ok(None) };
        let now = self.clock.now();
        let seconds = self.session_seconds();
        let text = random_token();
        self.store.insert_access_session(&token_hash(&text), row.primary_id, now.plus_seconds(seconds), now).await?;
        let caller = caller(&row, self.session_proof(&text)?)?;
        Ok(Some(NewSession { text, seconds, caller }))
    }

    /// Whose session it is; `None` when it has ended, or its token has.
    pub async fn caller_of_session(&self, text: &SecretString) -> Result<Option<Caller>, AccessError> {
        if !fits(text, MAX_BYTES) {
            return Ok(None);
        }
        let row = self.store.access_token_by_session(&token_hash(text), self.clock.now()).await?;
        let Some(row) = row.filter(|row| self.is_usable(row)) else { return Ok(None) };
        self.note_use(row.primary_id);
        Ok(Some(caller(&row, self.session_proof(text)?)?))
    }

    /// Ends a session.
    pub async fn end_session(&self, text: &SecretString) -> Result<(), AccessError> {
        Ok(self.store.delete_access_session(&token_hash(text)).await?)
    }

    fn session_proof(&self, text: &SecretString) -> Result<Proof, AccessError> {
        let csrf = self.sealer.keyed_hash(CSRF_PURPOSE, text)?;
        Ok(Proof::Session { csrf, session_hash: token_hash(text) })
    }
}

impl Caller {
    /// Whether a change from a page brought what only our own pages know.
    pub fn is_own_page(&self, given: Option<&str>) -> bool {
        match (&self.proof, given) {
            (Proof::Session { csrf, .. }, Some(given)) => csrf.as_bytes().ct_eq(given.as_bytes()).into(),
            (Proof::Session { .. }, None) => false,
            _ => true,
        }
    }
}

/// The session's text among a request's cookies.
pub fn session_cookie(headers: &http::HeaderMap) -> Option<SecretString> {
    let cookies = headers.get_all(http::header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    cookies
        .flat_map(|cookies| cookies.split(';'))
        .find_map(|cookie| cookie.trim().strip_prefix(SESSION_COOKIE)?.strip_prefix('='))
        .filter(|text| !text.is_empty())
        .map(SecretString::from)
}

/// The header that sets the session's cookie.
pub fn set_cookie(session: &NewSession, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let (text, seconds) = (session.text.expose_secret(), session.seconds);
    format!("{SESSION_COOKIE}={text}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")
}

/// The header that takes it away.
pub fn forget_cookie(is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}")
}
