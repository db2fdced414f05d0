//! A stage's log by `GET /task/log`: numbered lines after a number.

use serde_json::Value;

use super::answer::text_of;
use super::connection::Connection;
use super::failure::ClientError;
use crate::task::{StageName, TaskId};

/// Lines of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct LogPage {
    /// The lines without their ends.
    pub(super) lines: Vec<String>,
    /// The number to ask on from.
    pub(super) next_after: u64,
}

/// The lines of a stage's log after number `after`; none when there are none yet.
pub(super) async fn log_page(
    service: &Connection,
    task_id: TaskId,
    stage: StageName,
    after: u64,
) -> Result<LogPage, ClientError> {
    let query = [("task_id", task_id.to_string()), ("stage", stage.to_string()), ("after", after.to_string())];
    Ok(read(&service.get("/task/log", &query).await?.data, after))
}

fn read(data: &Value, after: u64) -> LogPage {
    let entries = data.get("lines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut page = LogPage { lines: Vec::with_capacity(entries.len()), next_after: after };
    for entry in entries {
        page.lines.push(entry.get("text").map(text_of).unwrap_or_default());
    }
    page.next_after = data.get("next").and_then(Value::as_u64).unwrap_or(after);
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_says_where_the_next_one_begins() {
        for (data, lines, next_after) in [
            (
                json!({ "lines": [{ "sequence": 8, "text": "a" }, { "sequence": 9, "text": "b" }], "next": 9 }),
                vec!["a", "b"],
                9,
            ),
            (json!({ "lines": [], "next": 7, "ended": true }), vec![], 7),
            (json!(null), vec![], 7),
        ] {
            assert_eq!(read(&data, 7), LogPage { lines: lines.into_iter().map(str::to_owned).collect(), next_after });
        }
    }
}
