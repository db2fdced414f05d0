//! Old tasks: numbers, directories and times stay; what had not ended has ended now.

use std::path::Path;

use serde_json::json;

use super::row::OldRow;
use super::{Import, ImportError};
use crate::cause::Cause;
use crate::clock::Moment;
use crate::explanation::{Explanation, Said};
use crate::pipeline::{KeptPasswords, REQUEST_FILE, REQUEST_PURPOSE};
use crate::request::{BuildRequest, redacted_document};
use crate::store::OldTask;
use crate::task::TaskState;

const COLUMNS: &[&str] = &[
    "primary_id",
    "task_id",
    "name",
    "state",
    "base_image_name",
    "target_image_name",
    "image_name",
    "description",
    "request",
    "task_work_dir",
    "work_dir_name",
    "callback_url",
    "callback_times",
    "pid",
    "create_time",
    "update_time",
];
const MAX_REQUEST_BYTES: u64 = 4 << 20;

impl Import<'_> {
    pub(super) async fn tasks(&mut self, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_task_table"], COLUMNS).await?;
        let mut lost_requests = 0_u64;
        for row in &rows {
            let Some(task_id) = row.integer("task_id").filter(|number| *number > 0) else {
                report.skip("no task number");
                continue;
            };
            if self.writing.has_task(task_id).await? {
                if self.added_tasks.contains(&task_id) {
                    report.skip("its task number occurs twice; the first row counts");
                } else {
                    report.already += 1;
                }
                continue;
            }
            let (create_time, update_time) = row.times(&self.settings.fb.time_zone.0, now);
            let (state, cause, explanation) = end_state(&row.text("state"));
            if explanation.is_some() {
                report.change("not ended, so it became BUILD_ABORT");
            }
            let target = first_text(row, &["target_image_name", "image_name"]);
            let work_dir_name = self.work_dir_name(row, task_id).await?;
            if work_dir_name != row.text("work_dir_name") {
                report.change("got another directory name");
            }
            let body = self.old_request(row, &work_dir_name);
            let read = body.and_then(|body| self.read_request(&body));
            lost_requests += u64::from(read.is_none());
            let (request_document, kept) = read.unwrap_or_else(|| (stand_in(row, &target), KeptPasswords::default()));
            let task = OldTask {
                primary_id: row.integer("primary_id").filter(|number| *number > 0),
                task_id,
                name: row.text("name"),
                state: state.as_str(),
                cause: cause.map(Cause::code),
                message: explanation.map(|said| said.to_stored()),
                base_image_name: row.text("base_image_name"),
                target_key: self.name_key(&target),
                target_image_name: target,
                description: row.text("description"),
                request_document,
                secrets_sealed: self.sealer.seal(REQUEST_PURPOSE, &kept.to_json())?,
                work_dir_name,
                callback_url: row.text("callback_url"),
                callback_times: row.integer("callback_times"),
                pid: Some(row.text("pid")).filter(|pid| !pid.is_empty()),
                create_time,
                update_time,
            };
            if let Some(has_kept_number) = self.writing.import_task(&task).await? {
                report.taken += 1;
                self.added_tasks.insert(task_id);
                if !has_kept_number {
                    report.change("its row number was taken, so it got the next free one");
                }
            }
        }
        if lost_requests > 0 {
            self.report.notes.push(format!(
                "{lost_requests} tasks without a request that can be read: they can be looked at, not rebuilt"
            ));
        }
        if report.taken > 0 {
            let directory = self.settings.fb.task_dir.display();
            self.report.notes.push(format!(
                "copy the old task directories into {directory} to go on serving their logs; look through old Dockerfiles \
                 first: some hold passwords"
            ));
        }
        self.report.tables.push(report);
        Ok(())
    }

    /// The row's own directory name where it is safe and free.
    async fn work_dir_name(&mut self, row: &OldRow, task_id: i64) -> Result<String, ImportError> {
        let path = row.text("task_work_dir");
        let last_part = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned();
        for name in [row.text("work_dir_name"), last_part] {
            if is_directory_name(&name) && !self.writing.is_work_dir_taken(&name).await? {
                return Ok(name);
            }
        }
        Ok(format!("imported-{task_id}"))
    }

    /// The request as it came: in the row, or in the file that the row names, here or where directories were copied to.
    fn old_request(&self, row: &OldRow, work_dir_name: &str) -> Option<Vec<u8>> {
        let written = row.text("request");
        if written.trim_start().starts_with('{') {
            return Some(written.into_bytes());
        }
        let copied = self.settings.fb.task_dir.join(work_dir_name).join(REQUEST_FILE);
        [Path::new(&written), &copied].into_iter().filter(|path| path.is_absolute()).find_map(|path| {
            let metadata = std::fs::metadata(path).ok()?;
            let is_fit = metadata.is_file() && metadata.len() <= MAX_REQUEST_BYTES;
            is_fit.then(|| std::fs::read(path).ok()).flatten()
        })
    }

    /// The document without its secrets, and the passwords; absent when it is no request.
    fn read_request(&self, body: &[u8]) -> Option<(String, KeptPasswords)> {
        let request = BuildRequest::parse(body, &self.cipher).ok()?;
        Some((redacted_document(body)?.to_string(), KeptPasswords::of(&request)))
    }
}

/// The end state of an old task and, where it had none, why it has one now.
fn end_state(written: &str) -> (TaskState, Option<Cause>, Option<Explanation>) {
    let written = written.trim();
    if let Some(state) = TaskState::from_name(written).filter(|state| state.is_end()) {
        return (state, None, None);
    }
    let explanation = Said::TakenOver { state: written.to_owned() }.into();
    (TaskState::BuildAbort, Some(Cause::Cancelled), Some(explanation))
}

/// What is known of a request whose document is lost.
fn stand_in(row: &OldRow, target: &str) -> String {
    json!({
        "task_data": {
            "task_name": row.text("name"),
            "target_image_name": target,
            "callback_url": row.text("callback_url"),
        },
        "dockerfile_json": { "base_image": row.text("base_image_name") },
    })
    .to_string()
}

fn first_text(row: &OldRow, columns: &[&str]) -> String {
    columns.iter().map(|column| row.text(column)).find(|text| !text.is_empty()).unwrap_or_default()
}

/// A name that stays where it is put.
fn is_directory_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=128).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_names_stay_where_they_are_put() {
        assert!(is_directory_name("2026-11-21-02-54-07-053159"));
        for name in ["", ".", "..", "a/b", "/etc", ".hidden", "a b", "ä"] {
            assert!(!is_directory_name(name), "{name}");
        }
    }

    #[test]
    fn whatever_had_not_ended_ends() {
        assert_eq!(end_state("PUSH_FAILED"), (TaskState::PushFailed, None, None));
        for written in ["QUEUED", "BUILDING", "PULLING", "", " STARTED "] {
            let (state, cause, explanation) = end_state(written);
            assert_eq!((state, cause), (TaskState::BuildAbort, Some(Cause::Cancelled)), "{written}");
            assert!(explanation.unwrap().to_stored().contains(written.trim()), "{written}");
        }
    }
}
