//! Tokens: made, listed, revoked, and recognised.
//!
//! A token is 32 random bytes, shown once. A row holds its SHA-256: a slow hash would protect a password that people
//! choose, but nobody guesses 256 random bits however fast the hash is, and a plain one lets an index find the row.

use secrecy::{ExposeSecret, SecretString};

use super::caller::{Caller, Proof};
use super::{Access, AccessError, AccessName, Role, fits};
use crate::clock::{Clock, Moment};
use crate::secret::{random_token, token_hash};
use crate::store::{AccessTokenRow, NewAccessToken, Store};

/// So that people and scanners know one when they see it.
const PREFIX: &str = "fbt_";
const MAX_BYTES: usize = 256;

/// A token to make.
#[derive(Debug, Clone)]
pub struct TokenOrder {
    /// What it is called.
    pub name: AccessName,
    /// Whose tasks it makes and sees; its own name when absent.
    pub user: Option<AccessName>,
    /// What it may do.
    pub role: Role,
    /// After how many days it ends; never by itself when absent.
    pub expires_days: Option<u32>,
}

/// A token that was made. Its text is told once and kept nowhere.
pub struct MadeToken {
    /// Row number.
    pub primary_id: i64,
    /// The text.
    pub text: SecretString,
    /// Whose tasks it makes and sees.
    pub user: String,
    /// When it ends by itself.
    pub expire_time: Option<Moment>,
}

/// How a token stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It opens.
    Usable,
    /// Its time is over.
    Expired,
    /// It was revoked.
    Revoked,
}

impl Standing {
    /// How a token stands now.
    pub fn of(row: &AccessTokenRow, now: Moment) -> Self {
        if row.revoke_time.is_some() {
            Self::Revoked
        } else if row.expire_time.is_some_and(|time| time <= now.0) {
            Self::Expired
        } else {
            Self::Usable
        }
    }

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usable => "usable",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
        }
    }
}

/// Makes a token.
pub async fn create_token(store: &Store, clock: &dyn Clock, order: TokenOrder) -> Result<MadeToken, AccessError> {
    let now = clock.now();
    let text = SecretString::from(format!("{PREFIX}{}", random_token().expose_secret()));
    let expire_time = order.expires_days.map(|days| now.plus_seconds(i64::from(days) * 86_400));
    let user = order.user.as_ref().unwrap_or(&order.name).to_string();
    let new = NewAccessToken {
        name: order.name.to_string(),
        user_name: user.clone(),
        role: order.role.as_str(),
        token_hash: token_hash(&text),
        expire_time,
    };
    match store.insert_access_token(&new, now).await {
        Ok(primary_id) => {
            tracing::info!("token {} made for {user}: {}", new.name, new.role);
            Ok(MadeToken { primary_id, text, user, expire_time })
        }
        Err(error) if error.is_conflict() => Err(AccessError::NameTaken(new.name)),
        Err(error) => Err(error.into()),
    }
}

/// Revokes the token of that name or number and ends its sessions; the row as it was.
pub async fn revoke_token(store: &Store, clock: &dyn Clock, which: &str) -> Result<AccessTokenRow, AccessError> {
    let rows = store.access_tokens().await?;
    let is_meant = |row: &&AccessTokenRow| row.revoke_time.is_none() && row.name == which;
    let by_number = || rows.iter().find(|row| which.parse() == Ok(row.primary_id));
    let row = rows.iter().find(is_meant).or_else(by_number).ok_or_else(|| AccessError::Unknown(which.to_owned()))?;
    if !store.revoke_access_token(row.primary_id, clock.now()).await? {
        return Err(AccessError::Unknown(which.to_owned()));
    }
    tracing::info!("token {} of {} revoked", row.name, row.user_name);
    Ok(row.clone())
}

impl Access {
    /// Whose token it is; `None` when it is none of ours, has expired or was revoked.
    pub async fn caller_of_token(&self, token: &SecretString) -> Result<Option<Caller>, AccessError> {
        match self.usable_token(token).await? {
            Some(row) => caller(&row, Proof::Token { token_id: row.primary_id }).map(Some),
            None => Ok(None),
        }
    }

    pub(super) async fn usable_token(&self, token: &SecretString) -> Result<Option<AccessTokenRow>, AccessError> {
        if !fits(token, MAX_BYTES) {
            return Ok(None);
        }
        let row = self.store.access_token_by_hash(&token_hash(token)).await?;
        let row = row.filter(|row| self.is_usable(row));
        if let Some(row) = &row {
            self.note_use(row.primary_id);
        }
        Ok(row)
    }

    pub(super) fn is_usable(&self, row: &AccessTokenRow) -> bool {
        Standing::of(row, self.clock.now()) == Standing::Usable
    }
}

/// The caller that a token stands for.
pub(super) fn caller(row: &AccessTokenRow, proof: Proof) -> Result<Caller, AccessError> {
    let role = Role::from_name(&row.role).ok_or_else(|| AccessError::Unknown(row.name.clone()))?;
    Ok(Caller { role, user: row.user_name.clone(), proof })
}
