//! Old callback rows become recorded attempts. None of them is sent again.

use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Import, ImportError};
use crate::clock::Moment;
use crate::site::HEADERS_PURPOSE;
use crate::store::OldAttempt;

const COLUMNS: &[&str] = &["url", "headers", "state", "result", "create_time", "update_time"];

impl Import<'_> {
    pub(super) async fn callbacks(&mut self, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_callback_table"], COLUMNS).await?;
        for row in &rows {
            let url = row.text("url");
            if url.is_empty() {
                report.skip("no url");
                continue;
            }
            let written = row.text("state");
            let body = row.object("state").unwrap_or_else(|| json!({ "state": written }));
            let task_id = ["taskId", "task_id"].iter().find_map(|name| body.get(name)).and_then(as_integer);
            let headers = if let Some(headers) = row.object("headers") {
                texts(&headers)
            } else {
                report.change("its headers could not be read");
                json!({})
            };
            let (create_time, update_time) = row.times(&self.settings.fb.time_zone.0, now);
            let mark = [row.text("primary_id"), url.clone(), written, row.text("create_time")].join("\n");
            let attempt = OldAttempt {
                delivery_id: format!("imported-{}", &hex::encode(Sha256::digest(mark.as_bytes()))[..32]),
                task_id: task_id.or(row.integer("task_id")).unwrap_or(0),
                url,
                headers_sealed: self.sealer.seal(HEADERS_PURPOSE, &SecretString::from(headers.to_string()))?,
                body: body.to_string(),
                result: row.text("result"),
                create_time,
                update_time,
            };
            let is_new = self.writing.import_attempt(&attempt).await?;
            report.offered(is_new);
        }
        self.report.tables.push(report);
        Ok(())
    }
}

/// The same object with a text for every value.
fn texts(headers: &Value) -> Value {
    let entries = headers.as_object().into_iter().flatten();
    entries
        .map(|(name, value)| {
            (name.clone(), Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        })
        .collect()
}

fn as_integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}
