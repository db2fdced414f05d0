//! What the import of an old database writes: rows as they were, with their times and, where free, their numbers.
//!
//! Every function runs in the caller's transaction. A row that is there already is left alone, so that an import can be
//! repeated.

use super::{NewDockerServer, NewHarbor, Store, StoreError, Writing};
use crate::clock::Moment;

/// A task of an old service; it has ended.
#[derive(Debug, Clone)]
pub struct OldTask {
    /// Row number, kept where it is free.
    pub primary_id: Option<i64>,
    /// Task number.
    pub task_id: i64,
    /// Name that the client gave.
    pub name: String,
    /// End state by its wire name.
    pub state: &'static str,
    /// Cause code, where one is known.
    pub cause: Option<&'static str>,
    /// What happened, where it is known.
    pub message: Option<String>,
    /// Base image.
    pub base_image_name: String,
    /// Target image.
    pub target_image_name: String,
    /// Target with the registry's DNS name mapped to its address.
    pub target_key: String,
    /// Description that the client gave.
    pub description: String,
    /// Request without secrets.
    pub request_document: String,
    /// Request as it came, sealed; empty when it is lost.
    pub secrets_sealed: String,
    /// Directory under `task_dir`.
    pub work_dir_name: String,
    /// Where the end was reported.
    pub callback_url: String,
    /// Callback attempts.
    pub callback_times: Option<i64>,
    /// Process that ran it.
    pub pid: Option<String>,
    /// Submission.
    pub create_time: Moment,
    /// Last change.
    pub update_time: Moment,
}

/// A stage of an old task.
#[derive(Debug, Clone)]
pub struct OldStage {
    /// Row number, kept where it is free.
    pub primary_id: Option<i64>,
    /// Task number.
    pub task_id: i64,
    /// Stage by its wire name.
    pub action: &'static str,
    /// `success` or `fail`.
    pub status: &'static str,
    /// Begin.
    pub start_time: Moment,
    /// End.
    pub end_time: Option<Moment>,
    /// Duration in milliseconds.
    pub duration_ms: Option<i64>,
    /// When the row was written.
    pub create_time: Moment,
    /// When it last changed.
    pub update_time: Moment,
}

/// An image of record of an old service.
#[derive(Debug, Clone)]
pub struct OldImage {
    /// Row number, kept where it is free.
    pub primary_id: Option<i64>,
    /// Task that made it; 0 for a base.
    pub task_id: i64,
    /// Name without tag.
    pub name: String,
    /// Full name with the registry's DNS name mapped to its address.
    pub name_key: String,
    /// Tag.
    pub tag: String,
    /// The daemon's image id without `sha256:`.
    pub image_id: String,
    /// `Base` or `Customized`.
    pub image_type: &'static str,
    /// Description.
    pub description: String,
    /// Size in bytes.
    pub size_bytes: i64,
    /// Services it serves.
    pub interaction: String,
    /// When the row was written.
    pub create_time: Moment,
    /// When it last changed.
    pub update_time: Moment,
}

/// A pull or a build of an image, of an old service.
#[derive(Debug, Clone)]
pub struct OldImageLife {
    /// Row number, kept where it is free.
    pub primary_id: Option<i64>,
    /// Full name.
    pub image_name: String,
    /// `pull` or `build`.
    pub image_type: &'static str,
    /// When it came.
    pub generator_time: Moment,
    /// When it went.
    pub delete_time: Option<Moment>,
    /// When the row was written.
    pub create_time: Moment,
    /// When it last changed.
    pub update_time: Moment,
}

/// A callback attempt of an old service.
#[derive(Debug, Clone)]
pub struct OldAttempt {
    /// Name that a second import recognises it by.
    pub delivery_id: String,
    /// Task number; 0 when unknown.
    pub task_id: i64,
    /// Where to.
    pub url: String,
    /// JSON object of the headers, sealed.
    pub headers_sealed: String,
    /// JSON body.
    pub body: String,
    /// What the receiver answered.
    pub result: String,
    /// When it was made.
    pub create_time: Moment,
    /// When the row last changed.
    pub update_time: Moment,
}

impl Writing<'_> {
    /// Adds a task; `None` when its number is taken, else whether it kept its row number.
    pub async fn import_task(&mut self, task: &OldTask) -> Result<Option<bool>, StoreError> {
        let primary_id = sqlx::query_scalar!(
            r#"INSERT INTO task (primary_id, task_id, name, state, is_ended, base_image_name, target_image_name, target_key,
                   description, request_document, secrets_sealed, work_dir_name, callback_url, cause, message,
                   callback_times, pid, create_time, end_time, update_time)
               SELECT iif(EXISTS (SELECT 1 FROM task WHERE primary_id = ?1), NULL, ?1), ?2, ?3, ?4, 1, ?5, ?6, ?7, ?8, ?9,
                   ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?18
               WHERE NOT EXISTS (SELECT 1 FROM task WHERE task_id = ?2)
               RETURNING primary_id AS "primary_id!""#,
            task.primary_id,
            task.task_id,
            task.name,
            task.state,
            task.base_image_name,
            task.target_image_name,
            task.target_key,
            task.description,
            task.request_document,
            task.secrets_sealed,
            task.work_dir_name,
            task.callback_url,
            task.cause,
            task.message,
            task.callback_times,
            task.pid,
            task.create_time.0,
            task.update_time.0
        )
        .fetch_optional(self.connection())
        .await?;
        Ok(primary_id.map(|found| task.primary_id.is_none_or(|wanted| wanted == found)))
    }

    /// Whether a task's directory name is taken.
    pub async fn is_work_dir_taken(&mut self, work_dir_name: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM task WHERE work_dir_name = ?) AS "found!: bool""#,
            work_dir_name
        )
        .fetch_one(self.connection())
        .await?)
    }

    /// Whether there is a task of that number.
    pub async fn has_task(&mut self, task_id: i64) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(r#"SELECT EXISTS (SELECT 1 FROM task WHERE task_id = ?) AS "found!: bool""#, task_id)
            .fetch_one(self.connection())
            .await?)
    }

    /// Adds a stage; `false` when the task has that stage already.
    pub async fn import_stage(&mut self, stage: &OldStage) -> Result<bool, StoreError> {
        let end_time = stage.end_time.map(Moment::micros);
        let done = sqlx::query!(
            "INSERT INTO stage (primary_id, task_id, action, status, start_time, end_time, duration_ms, create_time,
                 update_time)
             SELECT iif(EXISTS (SELECT 1 FROM stage WHERE primary_id = ?1), NULL, ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE NOT EXISTS (SELECT 1 FROM stage WHERE task_id = ?2 AND action = ?3)",
            stage.primary_id,
            stage.task_id,
            stage.action,
            stage.status,
            stage.start_time.0,
            end_time,
            stage.duration_ms,
            stage.create_time.0,
            stage.update_time.0
        )
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a task the times of its stages.
    pub async fn settle_task_times(&mut self, task_id: i64) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE task SET
                 start_time = (SELECT min(start_time) FROM stage WHERE stage.task_id = task.task_id),
                 end_time = coalesce((SELECT max(end_time) FROM stage WHERE stage.task_id = task.task_id), end_time)
             WHERE task_id = ?",
            task_id
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Adds an image; `false` when one of that name is there already.
    pub async fn import_image(&mut self, image: &OldImage) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO image (primary_id, task_id, name, name_key, tag, image_id, type, description, size_bytes,
                 interaction, create_time, update_time)
             SELECT iif(EXISTS (SELECT 1 FROM image WHERE primary_id = ?1), NULL, ?1), ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9,
                 ?10, ?11, ?12
             WHERE NOT EXISTS (SELECT 1 FROM image WHERE name_key = ?4)",
            image.primary_id,
            image.task_id,
            image.name,
            image.name_key,
            image.tag,
            image.image_id,
            image.image_type,
            image.description,
            image.size_bytes,
            image.interaction,
            image.create_time.0,
            image.update_time.0
        )
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives a task the id of the image that it made.
    pub async fn settle_task_image(&mut self, task_id: i64, image_id: &str) -> Result<(), StoreError> {
        sqlx::query!(
            "UPDATE task SET image_id = ?2 WHERE task_id = ?1 AND image_id IS NULL AND state = 'PUSH_SUCCESS'",
            task_id,
            image_id
        )
        .execute(self.connection())
        .await?;
        Ok(())
    }

    /// Adds a pull or build; `false` when it is there already.
    pub async fn import_image_life(&mut self, life: &OldImageLife) -> Result<bool, StoreError> {
        let delete_time = life.delete_time.map(Moment::micros);
        let done = sqlx::query!(
            "INSERT INTO image_life (primary_id, image_name, image_type, generator_time, delete_time, create_time,
                 update_time)
             SELECT iif(EXISTS (SELECT 1 FROM image_life WHERE primary_id = ?1), NULL, ?1), ?2, ?3, ?4, ?5, ?6, ?7
             WHERE NOT EXISTS (
                 SELECT 1 FROM image_life WHERE image_name = ?2 AND image_type = ?3 AND generator_time = ?4)",
            life.primary_id,
            life.image_name,
            life.image_type,
            life.generator_time.0,
            delete_time,
            life.create_time.0,
            life.update_time.0
        )
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds an inspection; `false` when one of that image is there already.
    pub async fn import_check_result(
        &mut self,
        image_id: &str,
        image_name: &str,
        result: &str,
        create_time: Moment,
        update_time: Moment,
    ) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO image_check_result (image_id, image_name, result, create_time, update_time)
             VALUES (?, ?, ?, ?, ?) ON CONFLICT (image_id) DO NOTHING",
            image_id,
            image_name,
            result,
            create_time.0,
            update_time.0
        )
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds a callback attempt; `false` when it is there already.
    pub async fn import_attempt(&mut self, attempt: &OldAttempt) -> Result<bool, StoreError> {
        let done = sqlx::query!(
            "INSERT INTO callback_attempt (delivery_id, task_id, url, headers_sealed, body, result, create_time,
                 update_time)
             SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
             WHERE NOT EXISTS (SELECT 1 FROM callback_attempt WHERE delivery_id = ?1)",
            attempt.delivery_id,
            attempt.task_id,
            attempt.url,
            attempt.headers_sealed,
            attempt.body,
            attempt.result,
            attempt.create_time.0,
            attempt.update_time.0
        )
        .execute(self.connection())
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// Adds a host row of an earlier time.
    pub async fn import_host(&mut self, host: &str, port: u16, create_time: Moment) -> Result<(), StoreError> {
        super::configuration::insert_host(self, host, port, create_time).await
    }

    /// Adds a Harbor row of an earlier time.
    pub async fn import_harbor(&mut self, harbor: &NewHarbor, create_time: Moment) -> Result<(), StoreError> {
        super::configuration::insert_harbor(self, harbor, create_time).await
    }

    /// Adds a Docker-server row of an earlier time.
    pub async fn import_docker_server(
        &mut self,
        server: &NewDockerServer,
        create_time: Moment,
    ) -> Result<(), StoreError> {
        super::configuration::insert_docker_server(self, server, create_time).await
    }

    /// Undoes everything.
    pub async fn roll_back(self) {
        self.turn.roll_back().await;
    }
}

impl Store {
    /// Whether any host is stored that a first start did not insert.
    pub async fn has_host_other_than(&self, unconfigured: &str) -> Result<bool, StoreError> {
        Ok(sqlx::query_scalar!(
            r#"SELECT EXISTS (SELECT 1 FROM host WHERE host_ip <> ?) AS "found!: bool""#,
            unconfigured
        )
        .fetch_one(&self.readers)
        .await?)
    }
}
