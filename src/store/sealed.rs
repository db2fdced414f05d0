//! Every column that holds something sealed, read and written anew in pages when keys rotate.
//!
//! A column named `…_sealed` belongs here: a test holds the schema against [`SealedColumn::ALL`].

use super::{Durability, Store, StoreError};

/// A column with sealed texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedColumn {
    /// Harbor's password.
    HarborPassword,
    /// Headers of callbacks, as configured.
    CallbackHeaders,
    /// Passwords of a request.
    TaskSecrets,
    /// Headers of a callback, as sent.
    AttemptHeaders,
}

/// A sealed text and its row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// Row number.
    pub primary_id: i64,
    /// The sealed text.
    pub sealed: String,
}

/// A sealed text that takes the place of another one.
#[derive(Debug, Clone)]
pub struct Resealed {
    /// The row as it was read.
    pub row: SealedRow,
    /// The same text under another key.
    pub sealed: String,
}

impl SealedColumn {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::HarborPassword, Self::CallbackHeaders, Self::TaskSecrets, Self::AttemptHeaders];

    /// Table and column.
    pub fn name(self) -> &'static str {
        match self {
            Self::HarborPassword => "harbor.password_sealed",
            Self::CallbackHeaders => "callback_headers.headers_sealed",
            Self::TaskSecrets => "task.secrets_sealed",
            Self::AttemptHeaders => "callback_attempt.headers_sealed",
        }
    }
}

impl Store {
    /// Sealed texts of a column from the row after `after` on; empty texts are no secrets.
    pub async fn sealed_rows(
        &self,
        column: SealedColumn,
        after: i64,
        limit: i64,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let rows = match column {
            SealedColumn::HarborPassword => {
                sqlx::query_as!(
                    SealedRow,
                    "SELECT primary_id, password_sealed AS sealed FROM harbor
                     WHERE primary_id > ? AND password_sealed <> '' ORDER BY primary_id LIMIT ?",
                    after,
                    limit
                )
                .fetch_all(&self.readers)
                .await?
            }
            SealedColumn::CallbackHeaders => {
                sqlx::query_as!(
                    SealedRow,
                    "SELECT primary_id, headers_sealed AS sealed FROM callback_headers
                     WHERE primary_id > ? AND headers_sealed <> '' ORDER BY primary_id LIMIT ?",
                    after,
                    limit
                )
                .fetch_all(&self.readers)
                .await?
            }
            SealedColumn::TaskSecrets => {
                sqlx::query_as!(
                    SealedRow,
                    "SELECT primary_id, secrets_sealed AS sealed FROM task
                     WHERE primary_id > ? AND secrets_sealed <> '' ORDER BY primary_id LIMIT ?",
                    after,
                    limit
                )
                .fetch_all(&self.readers)
                .await?
            }
            SealedColumn::AttemptHeaders => {
                sqlx::query_as!(
                    SealedRow,
                    "SELECT primary_id, headers_sealed AS sealed FROM callback_attempt
                     WHERE primary_id > ? AND headers_sealed <> '' ORDER BY primary_id LIMIT ?",
                    after,
                    limit
                )
                .fetch_all(&self.readers)
                .await?
            }
        };
        Ok(rows)
    }

    /// Puts resealed texts in the place of what was read, in one durable transaction. A row that changed since stays.
    pub async fn reseal(&self, column: SealedColumn, texts: &[Resealed]) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        // The triggers that forbid any change make way for this one, and only within this transaction.
        sqlx::query!("INSERT INTO resealing (under_way) VALUES (1)").execute(writing.connection()).await?;
        for Resealed { row, sealed } in texts {
            let connection = writing.connection();
            let (id, before) = (row.primary_id, &row.sealed);
            match column {
                SealedColumn::HarborPassword => {
                    sqlx::query!(
                        "UPDATE harbor SET password_sealed = ? WHERE primary_id = ? AND password_sealed = ?",
                        sealed,
                        id,
                        before
                    )
                    .execute(connection)
                    .await?
                }
                SealedColumn::CallbackHeaders => {
                    sqlx::query!(
                        "UPDATE callback_headers SET headers_sealed = ? WHERE primary_id = ? AND headers_sealed = ?",
                        sealed,
                        id,
                        before
                    )
                    .execute(connection)
                    .await?
                }
                SealedColumn::TaskSecrets => {
                    sqlx::query!(
                        "UPDATE task SET secrets_sealed = ? WHERE primary_id = ? AND secrets_sealed = ?",
                        sealed,
                        id,
                        before
                    )
                    .execute(connection)
                    .await?
                }
                SealedColumn::AttemptHeaders => {
                    sqlx::query!(
                        "UPDATE callback_attempt SET headers_sealed = ? WHERE primary_id = ? AND headers_sealed = ?",
                        sealed,
                        id,
                        before
                    )
                    .execute(connection)
                    .await?
                }
            };
        }
        sqlx::query!("DELETE FROM resealing").execute(writing.connection()).await?;
        writing.commit().await
    }

    /// Writes the whole file anew, so that no free page keeps what a row held before.
    pub async fn compact(&self) -> Result<(), StoreError> {
        sqlx::query("VACUUM").execute(self.writer.turn().await?.connection()).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use sqlx::Row as _;

    use super::*;
    use crate::clock::Moment;

    #[tokio::test]
    async fn every_sealed_column_of_the_schema_is_known() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        let rows = sqlx::query(
            "SELECT tables.name || '.' || columns.name AS name
             FROM sqlite_schema AS tables, pragma_table_info(tables.name) AS columns
             WHERE tables.type = 'table' AND columns.name LIKE '%sealed%' ORDER BY 1",
        )
        .fetch_all(&store.readers)
        .await
        .unwrap();
        let found: Vec<String> = rows.iter().map(|row| row.get("name")).collect();
        let mut known = SealedColumn::ALL.map(SealedColumn::name);
        known.sort_unstable();
        assert_eq!(found, known);
        store.close().await;
    }

    #[tokio::test]
    async fn rows_of_configuration_change_only_while_they_are_resealed() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("db")).await.unwrap();
        store.append_callback_headers("old", Moment(1)).await.unwrap();
        for statement in [
            "UPDATE callback_headers SET headers_sealed = 'x'",
            "UPDATE callback_headers SET create_time = 2",
            "DELETE FROM callback_headers",
            "REPLACE INTO callback_headers (primary_id, headers_sealed, create_time) VALUES (1, 'x', 2)",
        ] {
            let error =
                sqlx::query(statement).execute(store.writer.turn().await.unwrap().connection()).await.unwrap_err();
            assert!(error.to_string().contains("append-only"), "{statement}: {error}");
        }
        let row = SealedRow { primary_id: 1, sealed: "old".to_owned() };
        let texts = [Resealed { row, sealed: "new".to_owned() }];
        store.reseal(SealedColumn::CallbackHeaders, &texts).await.unwrap();
        let rows = store.sealed_rows(SealedColumn::CallbackHeaders, 0, 10).await.unwrap();
        assert_eq!(rows[0].sealed, "new");
        let mut turn = store.writer.turn().await.unwrap();
        let again = sqlx::query("UPDATE callback_headers SET headers_sealed = 'x'").execute(turn.connection()).await;
        assert!(again.is_err(), "the way is closed again");
        drop(turn);
        store.close().await;
    }
}
