//! Tokens and the sessions that hang on them.

use super::{Durability, Store, StoreError};
use crate::clock::Moment;

/// A token as it is recorded; its text is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessTokenRow {
    /// Row number.
    pub primary_id: i64,
    /// What it is called.
    pub name: String,
    /// Whose tasks it makes and sees.
    pub user_name: String,
    /// Role by its name.
    pub role: String,
    /// When it was made, microseconds.
    pub create_time: i64,
    /// When it ends by itself, microseconds.
    pub expire_time: Option<i64>,
    /// When it was last used, microseconds.
    pub last_use_time: Option<i64>,
    /// When it was revoked, microseconds.
    pub revoke_time: Option<i64>,
}

/// A token to record.
#[derive(Debug, Clone)]
pub struct NewAccessToken {
    /// What it is called; no two that are not revoked have one name.
    pub name: String,
    /// Whose tasks it makes and sees.
    pub user_name: String,
    /// Role by its name.
    pub role: &'static str,
    /// Hash of its text.
    pub token_hash: String,
    /// When it ends by itself.
    pub expire_time: Option<Moment>,
}

impl Store {
    /// Whether a token was ever made.
    pub async fn has_access_tokens(&self) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM access_token) AS "found!: bool""#);
        Ok(found.fetch_one(&self.readers).await?)
    }

    /// Records a token. A conflict means that its name is taken.
    pub async fn insert_access_token(&self, token: &NewAccessToken, now: Moment) -> Result<i64, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let expire_time = token.expire_time.map(Moment::micros);
        let id = sqlx::query_scalar!(
            "INSERT INTO access_token (name, user_name, role, token_hash, create_time, expire_time)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING primary_id",
            token.name,
            token.user_name,
            token.role,
            token.token_hash,
            now.0,
            expire_time
        )
        .fetch_one(writing.connection())
        .await?;
        writing.commit().await?;
        Ok(id)
    }

    /// The token of that hash.
    pub async fn access_token_by_hash(&self, token_hash: &str) -> Result<Option<AccessTokenRow>, StoreError> {
        Ok(sqlx::query_as!(
            AccessTokenRow,
            "SELECT primary_id, name, user_name, role, create_time, expire_time, last_use_time, revoke_time
             FROM access_token WHERE token_hash = ?",
            token_hash
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The token of that number.
    pub async fn access_token(&self, primary_id: i64) -> Result<Option<AccessTokenRow>, StoreError> {
        Ok(sqlx::query_as!(
            AccessTokenRow,
            "SELECT primary_id, name, user_name, role, create_time, expire_time, last_use_time, revoke_time
             FROM access_token WHERE primary_id = ?",
            primary_id
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The token of a session that has not expired.
    pub async fn access_token_by_session(
        &self,
        session_hash: &str,
        now: Moment,
    ) -> Result<Option<AccessTokenRow>, StoreError> {
        Ok(sqlx::query_as!(
            AccessTokenRow,
            "SELECT t.primary_id, t.name, t.user_name, t.role, t.create_time, t.expire_time, t.last_use_time,
                    t.revoke_time
             FROM access_session s JOIN access_token t ON t.primary_id = s.token_id
             WHERE s.session_hash = ?1 AND s.expire_time > ?2",
            session_hash,
            now.0
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// All tokens, newest first.
    pub async fn access_tokens(&self) -> Result<Vec<AccessTokenRow>, StoreError> {
        Ok(sqlx::query_as!(
            AccessTokenRow,
            "SELECT primary_id, name, user_name, role, create_time, expire_time, last_use_time, revoke_time
             FROM access_token ORDER BY primary_id DESC"
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Revokes the token of that number and ends its sessions; `false` when there is none that was not revoked yet.
    pub async fn revoke_access_token(&self, primary_id: i64, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let done = sqlx::query!(
            "UPDATE access_token SET revoke_time = ? WHERE primary_id = ? AND revoke_time IS NULL",
            now.0,
            primary_id
        )
        .execute(writing.connection())
        .await?;
        sqlx::query!("DELETE FROM access_session WHERE token_id = ?", primary_id).execute(writing.connection()).await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Notes when tokens were last used.
    pub async fn note_access_token_uses(&self, uses: &[(i64, Moment)]) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        for (primary_id, time) in uses {
            sqlx::query!(
                "UPDATE access_token SET last_use_time = ?1 WHERE primary_id = ?2 AND coalesce(last_use_time, 0) < ?1",
                time.0,
                primary_id
            )
            .execute(writing.connection())
            .await?;
        }
        writing.commit().await
    }

    /// Records a session of the console and forgets those that have expired.
    pub async fn insert_access_session(
        &self,
        session_hash: &str,
        token_id: i64,
        expire_time: Moment,
        now: Moment,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!("DELETE FROM access_session WHERE expire_time <= ?", now.0).execute(writing.connection()).await?;
        sqlx::query!(
            "INSERT INTO access_session (session_hash, token_id, create_time, expire_time) VALUES (?, ?, ?, ?)",
            session_hash,
            token_id,
            now.0,
            expire_time.0
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// Ends a session.
    pub async fn delete_access_session(&self, session_hash: &str) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        sqlx::query!("DELETE FROM access_session WHERE session_hash = ?", session_hash)
            .execute(writing.connection())
            .await?;
        writing.commit().await
    }
}
