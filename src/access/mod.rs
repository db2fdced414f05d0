//! Who may call, and what they may do.
//!
//! Open or closed is one decision: closed once a token was ever made or the settings say so, open on loopback, and never
//! open on another address unless the settings say that in so many words. Every request of a closed service shows a token,
//! the cookie of a session that was begun with one, or a signed link. Rows are the truth: each request reads its token's
//! row, so that what the command line changes beside the running service holds from the next request on.

mod attempts;
mod caller;
mod link;
mod name;
mod origin;
mod peer;
mod refusal;
mod role;
mod session;
mod token;

pub use caller::{Caller, Proof};
pub use name::{AccessName, InvalidName};
pub use origin::{KnownHosts, host_of, is_foreign};
pub use peer::Peer;
pub use refusal::Refusal;
pub use role::Role;
pub use session::{NewSession, SESSION_COOKIE, forget_cookie, session_cookie, set_cookie};
pub use token::{MadeToken, Standing, TokenOrder, create_token, revoke_token};

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderName;
use secrecy::{ExposeSecret, SecretString};
use tokio_util::sync::CancellationToken;

use attempts::Attempts;

use crate::clock::{Clock, Moment};
use crate::secret::{Sealer, SecretError};
use crate::settings::{AccessMode, Settings};
use crate::store::{Store, StoreError};

/// How long 'no token was ever made' is believed; the opposite stays true for good.
const BELIEVED: Duration = Duration::from_millis(500);
/// How often uses of tokens are written down.
const NOTED_EVERY: Duration = Duration::from_secs(5);

/// What goes wrong with tokens and sessions.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// A token of that name is in use.
    #[error("there is a token '{0}' already; revoke it first or choose another name")]
    NameTaken(String),
    /// No such token, or it was revoked already.
    #[error("there is no token '{0}' that could be revoked")]
    Unknown(String),
    /// The service would be open to a network.
    #[error(
        "[fb] host {0} is not loopback and no token exists, so anybody on the network could build and configure. Make one \
         (fastbuild token create --name admin --role administer), or set [access] mode = \"token\" and make it afterwards; \
         [access] allow_open = true opens the service to everybody"
    )]
    WouldBeOpen(IpAddr),
    /// The additional header cannot be one.
    #[error("[access] header = '{0}' is no name of a header")]
    Header(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The service's key.
    #[error(transparent)]
    Secret(#[from] SecretError),
}

/// Decides who may call.
pub struct Access {
    store: Arc<Store>,
    sealer: Arc<Sealer>,
    clock: Arc<dyn Clock>,
    settings: Arc<Settings>,
    header: Option<HeaderName>,
    /// Whether other machines reach the address this service listens on.
    is_wide: AtomicBool,
    has_tokens: AtomicBool,
    asked: Mutex<Option<Instant>>,
    uses: Mutex<HashMap<i64, Moment>>,
    attempts: Attempts,
}

impl Access {
    /// Reads what the settings say.
    pub fn new(
        store: Arc<Store>,
        sealer: Arc<Sealer>,
        clock: Arc<dyn Clock>,
        settings: Arc<Settings>,
    ) -> Result<Self, AccessError> {
        let name = settings.access.header.as_str();
        let header = if name.is_empty() { None } else { Some(name.parse()) };
        let header = header.transpose().map_err(|_| AccessError::Header(name.to_owned()))?;
        let attempts = Attempts::new(settings.access.login_attempts);
        let (is_wide, has_tokens) = (AtomicBool::new(false), AtomicBool::new(false));
        let (asked, uses) = (Mutex::default(), Mutex::default());
        Ok(Self { store, sealer, clock, settings, header, is_wide, has_tokens, asked, uses, attempts })
    }

    /// Refuses to be open on an address that other machines reach, unless the settings allow it.
    pub async fn listen_on(&self, address: SocketAddr) -> Result<(), AccessError> {
        let address = address.ip().to_canonical();
        self.is_wide.store(!address.is_loopback(), Ordering::Relaxed);
        if address.is_loopback() || self.settings.access.allow_open {
            return Ok(());
        }
        let is_open = match self.settings.access.mode {
            AccessMode::Open => true,
            AccessMode::Auto => !self.store.has_access_tokens().await?,
            AccessMode::Token => false,
        };
        if is_open { Err(AccessError::WouldBeOpen(address)) } else { Ok(()) }
    }

    /// Whether callers must show who they are.
    pub async fn is_closed(&self) -> Result<bool, AccessError> {
        match self.settings.access.mode {
            AccessMode::Token => return Ok(true),
            AccessMode::Open => return Ok(false),
            AccessMode::Auto => {}
        }
        if self.has_tokens.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let asked = *self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if asked.is_none_or(|asked| asked.elapsed() > BELIEVED) {
            let now = Instant::now();
            let has_tokens = self.store.has_access_tokens().await?;
            self.has_tokens.fetch_or(has_tokens, Ordering::Relaxed);
            *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
        }
        Ok(self.was_closed())
    }

    /// The same, as the last request found it.
    pub fn was_closed(&self) -> bool {
        match self.settings.access.mode {
            AccessMode::Token => true,
            AccessMode::Open => false,
            AccessMode::Auto => self.has_tokens.load(Ordering::Relaxed),
        }
    }

    /// The header that old clients may send their token in.
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// By which names an open service may be called; `configured` is the host that the site configured.
    pub fn known_hosts(&self, configured: Option<String>) -> KnownHosts {
        let fb = &self.settings.fb;
        let public = fb.public_url.split_once("://").map(|(_, rest)| rest.split('/').next().unwrap_or_default());
        let mut names: Vec<String> = self.settings.access.hosts.iter().map(|host| host_of(host).to_owned()).collect();
        names.push(fb.host.clone());
        names.extend(public.map(|public| host_of(public).to_owned()));
        names.extend(configured);
        KnownHosts { names, any_address: self.is_wide.load(Ordering::Relaxed) }
    }

    /// Counts a login with a wrong token; how many seconds to wait when it is one too many.
    pub fn count_wrong_attempt(&self, peer: Option<Peer>) -> Result<(), u32> {
        self.attempts.count(peer.map(|peer| peer.0.to_canonical()))
    }

    /// Whether cookies are only for encrypted connections.
    pub fn is_secure(&self) -> bool {
        self.settings.tls.is_on() || self.settings.fb.public_url.starts_with("https://")
    }

    /// Whether what once let a caller in still would: what lasts longer than an answer asks this now and then.
    pub async fn still_admits(&self, proof: &Proof) -> Result<bool, AccessError> {
        let now = self.clock.now();
        let row = match proof {
            Proof::Open => return Ok(!self.is_closed().await?),
            Proof::Link { expires } => return Ok(now < *expires),
            Proof::Token { token_id } => self.store.access_token(*token_id).await?,
            Proof::Session { session_hash, .. } => self.store.access_token_by_session(session_hash, now).await?,
        };
        Ok(row.is_some_and(|row| self.is_usable(&row)))
    }

    /// The database that tokens lie in.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The time that decides about them.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    fn session_seconds(&self) -> i64 {
        i64::try_from(self.settings.access.session_hours).unwrap_or(24).saturating_mul(3_600)
    }

    fn link_seconds(&self) -> i64 {
        i64::try_from(self.settings.access.link_hours).unwrap_or(24).saturating_mul(3_600)
    }

    fn note_use(&self, token_id: i64) {
        let mut uses = self.uses.lock().unwrap_or_else(PoisonError::into_inner);
        uses.insert(token_id, self.clock.now());
    }

    /// Writes down now and then when tokens were used, and once more at the end.
    pub async fn note_uses(self: Arc<Self>, stop: CancellationToken) {
        loop {
            let is_stopping = tokio::select! {
                () = stop.cancelled() => true,
                () = tokio::time::sleep(NOTED_EVERY) => false,
            };
            let uses: Vec<_> =
                std::mem::take(&mut *self.uses.lock().unwrap_or_else(PoisonError::into_inner)).into_iter().collect();
            if !uses.is_empty()
                && let Err(error) = self.store.note_access_token_uses(&uses).await
            {
                tracing::warn!("the last use of {} tokens could not be noted: {error}", uses.len());
            }
            if is_stopping {
                return;
            }
        }
    }
}

/// Whether a text may be a token or a session at all.
fn fits(text: &SecretString, max_bytes: usize) -> bool {
    (1..=max_bytes).contains(&text.expose_secret().len())
}
