//! Tasks: accepted, advanced and put back, each by one compare-and-set.

use super::{Durability, Flush, Patience, Store, StoreError, Writing};
use crate::cause::Cause;
use crate::clock::Moment;
use crate::explanation::Explanation;
use crate::task::{StageName, TaskId, TaskState};

/// A task without its documents.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TaskRow {
    /// Row number.
    pub primary_id: i64,
    /// Task number.
    pub task_id: i64,
    /// Name that the client gave; may be empty.
    pub name: String,
    /// State by its wire name.
    pub state: String,
    /// Base image.
    pub base_image_name: String,
    /// Target image.
    pub target_image_name: String,
    /// Target with the registry's DNS name mapped to its address.
    pub target_key: String,
    /// Description that the client gave.
    pub description: String,
    /// Directory under `task_dir`.
    pub work_dir_name: String,
    /// Where the end is reported; may be empty.
    pub callback_url: String,
    /// Who submitted it; empty in open mode.
    pub owner: String,
    /// How often a worker took it.
    pub attempts: i64,
    /// How often our own restart interrupted it.
    pub interruptions: i64,
    /// 1 once somebody asked for its end.
    pub cancel_requested: i64,
    /// Harbor row it ran with.
    pub harbor_id: Option<i64>,
    /// Docker-server row it ran with.
    pub docker_server_id: Option<i64>,
    /// Cause code of a failure.
    pub cause: Option<String>,
    /// Stage of a failure.
    pub failed_stage: Option<String>,
    /// What happened, in the words of daemon, registry or recipe.
    pub message: Option<String>,
    /// The Dockerfile step that failed.
    pub failed_step: Option<String>,
    /// Its last lines.
    pub last_lines: Option<String>,
    /// Hash of what determines the image.
    pub build_key: Option<String>,
    /// The daemon's id of the built image.
    pub image_id: Option<String>,
    /// Manifest digest that the registry confirmed.
    pub image_digest: Option<String>,
    /// Callback attempts so far.
    pub callback_times: Option<i64>,
    /// Process that ran it.
    pub pid: Option<String>,
    /// Submission, microseconds.
    pub create_time: i64,
    /// First claim, microseconds.
    pub start_time: Option<i64>,
    /// End, microseconds.
    pub end_time: Option<i64>,
    /// Last change, microseconds.
    pub update_time: i64,
}

impl TaskRow {
    /// The task's number.
    pub fn id(&self) -> TaskId {
        TaskId(self.task_id)
    }

    /// The task's state. The table's CHECK lets no other name in.
    pub fn task_state(&self) -> TaskState {
        TaskState::from_name(&self.state).unwrap_or(TaskState::BuildAbort)
    }

    /// What happened to a task that failed.
    pub fn explanation(&self) -> Option<Explanation> {
        self.message.as_deref().map(Explanation::from_stored)
    }
}

/// The images of an unfinished task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedNames {
    /// Task number.
    pub task_id: i64,
    /// Who submitted it; empty in open mode.
    pub owner: String,
    /// Target with the registry's DNS name mapped to its address.
    pub target_key: String,
    /// Base image.
    pub base_image_name: String,
}

/// A task to accept.
#[derive(Debug, Clone)]
pub struct NewTask {
    /// Name that the client gave.
    pub name: String,
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
    /// Request as it came, sealed.
    pub secrets_sealed: String,
    /// Directory under `task_dir`.
    pub work_dir_name: String,
    /// Where the end is reported; may be empty.
    pub callback_url: String,
    /// Who submits it.
    pub owner: String,
    /// Whose turn it counts as in the queue.
    pub queue_user: String,
    /// Key under which a repeated submission finds this task.
    pub idempotency_key: Option<String>,
}

/// Why a task ended badly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Cause.
    pub cause: Cause,
    /// Stage, absent when the task was in none.
    pub stage: Option<StageName>,
    /// What happened.
    pub explanation: Explanation,
    /// The Dockerfile step that failed.
    pub failed_step: Option<String>,
    /// Its last lines.
    pub last_lines: Vec<String>,
}

impl NewTask {
    /// Its row before anybody has touched it.
    fn into_row(self, primary_id: i64, task_id: i64, now: Moment) -> TaskRow {
        TaskRow {
            primary_id,
            task_id,
            name: self.name,
            state: TaskState::Queued.as_str().to_owned(),
            base_image_name: self.base_image_name,
            target_image_name: self.target_image_name,
            target_key: self.target_key,
            description: self.description,
            work_dir_name: self.work_dir_name,
            callback_url: self.callback_url,
            owner: self.owner,
            create_time: now.0,
            update_time: now.0,
            ..TaskRow::default()
        }
    }
}

impl Store {
    /// Accepts a task, for good once the flush is done; its number is `now` in milliseconds or the next free one. A
    /// conflict means that an unfinished task has the target, or that the idempotency key is taken.
    pub async fn insert_task(&self, task: NewTask, now: Moment) -> Result<(TaskRow, Flush<'_>), StoreError> {
        let wanted = now.0 / 1_000;
        let insert = async || {
            let mut turn = self.writer.turn().await?;
            // A statement is a transaction by itself, and others wait a third as long for it as for one that is begun and
            // committed. All its rows are asked for, since it is committed after the last one.
            let inserted = sqlx::query!(
                r#"INSERT INTO task (task_id, name, state, base_image_name, target_image_name, target_key, description,
                       request_document, secrets_sealed, work_dir_name, callback_url, owner, idempotency_key,
                       create_time, update_time, queue_user)
                   VALUES (max(?1, coalesce((SELECT max(task_id) + 1 FROM task), 0)), ?2, 'QUEUED', ?3, ?4, ?5, ?6, ?7,
                       ?8, ?9, ?10, ?11, ?12, ?13, ?13, ?14)
                   RETURNING primary_id AS "primary_id!: i64", task_id"#,
                wanted,
                task.name,
                task.base_image_name,
                task.target_image_name,
                task.target_key,
                task.description,
                task.request_document,
                task.secrets_sealed,
                task.work_dir_name,
                task.callback_url,
                task.owner,
                task.idempotency_key,
                now.0,
                task.queue_user
            )
            .fetch_all(turn.connection())
            .await;
            turn.note(&inserted);
            inserted?.pop().ok_or(sqlx::Error::RowNotFound)
        };
        let mut patience = Patience::start();
        let inserted = loop {
            match insert().await {
                Ok(inserted) => break inserted,
                Err(error) => patience.after(error).await?,
            }
        };
        let flush = self.committed(Durability::Durable);
        Ok((task.into_row(inserted.primary_id, inserted.task_id, now), flush))
    }

    /// The task of that number.
    pub async fn task(&self, task_id: TaskId) -> Result<Option<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(TaskRow, "SELECT * FROM task_row WHERE task_id = ?", task_id.0)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The task of that directory.
    pub async fn task_by_work_dir(&self, work_dir_name: &str) -> Result<Option<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(TaskRow, "SELECT * FROM task_row WHERE work_dir_name = ?", work_dir_name)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The task that a repeated submission means.
    pub async fn task_by_idempotency_key(&self, key: &str) -> Result<Option<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row WHERE task_id = (SELECT task_id FROM task WHERE idempotency_key = ?)",
            key
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The unfinished task that has this target.
    pub async fn unfinished_task_for_target(&self, target_key: &str) -> Result<Option<TaskRow>, StoreError> {
        Ok(sqlx::query_as!(
            TaskRow,
            "SELECT * FROM task_row WHERE task_id = (SELECT task_id FROM task WHERE target_key = ? AND is_ended = 0)",
            target_key
        )
        .fetch_optional(&self.readers)
        .await?)
    }

    /// The request without secrets.
    pub async fn request_document(&self, task_id: TaskId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar!("SELECT request_document FROM task WHERE task_id = ?", task_id.0)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// The request as it came, sealed.
    pub async fn sealed_request(&self, task_id: TaskId) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar!("SELECT secrets_sealed FROM task WHERE task_id = ?", task_id.0)
            .fetch_optional(&self.readers)
            .await?)
    }

    /// When the oldest waiting task was submitted.
    pub async fn oldest_queued_time(&self) -> Result<Option<Moment>, StoreError> {
        let oldest =
            sqlx::query_scalar!("SELECT create_time FROM task WHERE state = 'QUEUED' ORDER BY primary_id LIMIT 1")
                .fetch_optional(&self.readers)
                .await?;
        Ok(oldest.map(Moment))
    }

    /// Moves a task from one state to the next; `false` when it was not in `from`.
    pub async fn advance_task(
        &self,
        task_id: TaskId,
        from: TaskState,
        to: TaskState,
        now: Moment,
    ) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        let moved = advance(&mut writing, task_id, from, to, now).await?;
        writing.commit().await?;
        Ok(moved)
    }

    /// Notes the configuration rows that a task runs with.
    pub async fn set_task_configuration(
        &self,
        task_id: TaskId,
        harbor_id: i64,
        docker_server_id: i64,
    ) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!(
            "UPDATE task SET harbor_id = ?, docker_server_id = ? WHERE task_id = ?",
            harbor_id,
            docker_server_id,
            task_id.0
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await
    }

    /// Notes the hash of what determines a task's image.
    pub async fn set_build_key(&self, task_id: TaskId, build_key: &str) -> Result<(), StoreError> {
        let mut writing = self.write(Durability::Relaxed).await?;
        sqlx::query!("UPDATE task SET build_key = ? WHERE task_id = ?", build_key, task_id.0)
            .execute(writing.connection())
            .await?;
        writing.commit().await
    }

    /// Asks for a task's end; `false` when it has ended or is unknown.
    pub async fn request_cancel(&self, task_id: TaskId, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let done = sqlx::query!(
            "UPDATE task SET cancel_requested = 1, update_time = ? WHERE task_id = ? AND is_ended = 0",
            now.0,
            task_id.0
        )
        .execute(writing.connection())
        .await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Puts tasks that an earlier process left unfinished back into the queue and forgets their stages.
    pub async fn requeue_interrupted(&self, now: Moment) -> Result<Vec<(TaskId, i64)>, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        sqlx::query!(
            "DELETE FROM stage WHERE task_id IN (SELECT task_id FROM task WHERE is_ended = 0 AND state <> 'QUEUED')"
        )
        .execute(writing.connection())
        .await?;
        let rows = sqlx::query!(
            "UPDATE task SET state = 'QUEUED', interruptions = interruptions + 1, update_time = ?
             WHERE is_ended = 0 AND state <> 'QUEUED' RETURNING task_id, interruptions",
            now.0
        )
        .fetch_all(writing.connection())
        .await?;
        writing.commit().await?;
        Ok(rows.into_iter().map(|row| (TaskId(row.task_id), row.interruptions)).collect())
    }

    /// Hands a running task back to the queue, as a stop of ours does; `false` when it has ended.
    pub async fn requeue_task(&self, task_id: TaskId, now: Moment) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let done = sqlx::query!(
            "UPDATE task SET state = 'QUEUED', interruptions = interruptions + 1, update_time = ?
             WHERE task_id = ? AND is_ended = 0",
            now.0,
            task_id.0
        )
        .execute(writing.connection())
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query!("DELETE FROM stage WHERE task_id = ?", task_id.0).execute(writing.connection()).await?;
        writing.commit().await?;
        Ok(true)
    }

    /// What unfinished tasks are built from and build.
    pub async fn unfinished_names(&self) -> Result<Vec<UnfinishedNames>, StoreError> {
        Ok(sqlx::query_as!(
            UnfinishedNames,
            "SELECT task_id, owner, target_key, base_image_name FROM task WHERE is_ended = 0"
        )
        .fetch_all(&self.readers)
        .await?)
    }

    /// Deletes an ended task's record; `false` when it is unknown or still runs.
    pub async fn delete_task(&self, task_id: TaskId) -> Result<bool, StoreError> {
        let mut writing = self.write(Durability::Durable).await?;
        let done = sqlx::query!("DELETE FROM task WHERE task_id = ? AND is_ended = 1", task_id.0)
            .execute(writing.connection())
            .await?;
        writing.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

pub(super) async fn advance(
    writing: &mut Writing<'_>,
    task_id: TaskId,
    from: TaskState,
    to: TaskState,
    now: Moment,
) -> Result<bool, StoreError> {
    let (from, to) = (from.as_str(), to.as_str());
    let done = sqlx::query!(
        "UPDATE task SET state = ?3, update_time = ?4 WHERE task_id = ?1 AND state = ?2",
        task_id.0,
        from,
        to,
        now.0
    )
    .execute(writing.connection())
    .await?;
    Ok(done.rows_affected() == 1)
}
