//! The task a command is about: its number, or `latest`.

use std::str::FromStr;

use serde_json::Value;

use super::connection::Connection;
use super::failure::ClientError;
use crate::language::Notice;
use crate::task::TaskId;

/// What a person writes for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaskArgument {
    /// The newest task.
    Latest,
    /// The task of that number.
    Number(TaskId),
}

impl FromStr for TaskArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "latest" => Ok(Self::Latest),
            _ => text.parse().map(|number| Self::Number(TaskId(number))).map_err(|_| {
                format!("'{text}' is no task: give its number, as `fastbuild tasks` shows it, or `latest`")
            }),
        }
    }
}

impl TaskArgument {
    /// The task's number.
    pub(super) async fn resolve(self, service: &Connection) -> Result<TaskId, ClientError> {
        if let Self::Number(number) = self {
            return Ok(number);
        }
        let query = [("page", "1".to_owned()), ("page_size", "1".to_owned())];
        let answer = service.get("/task/list-task", &query).await?;
        let newest = answer.data.pointer("/task_list/0/task_id").and_then(Value::as_i64);
        newest.map(TaskId).ok_or(ClientError::Usage(Notice::NoTask))
    }
}
