//! Old inspections, without the names of the Python classes that wrote them.
//!
//! They are shown as they were; for a build an image is inspected anew, because an old inspection knows too little.

use serde_json::Value;

use super::{Import, ImportError};
use crate::clock::Moment;

const COLUMNS: &[&str] = &["image_id", "image_name", "result", "create_time", "update_time"];
const CLASS_FIELD: &str = "py/object";

impl Import<'_> {
    pub(super) async fn check_results(&mut self, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_image_check_result_table"], COLUMNS).await?;
        for row in &rows {
            let image_id = row.text("image_id");
            if image_id.is_empty() {
                report.skip("no image id");
                continue;
            }
            let Some(mut result) = row.object("result") else {
                report.skip("its result is no JSON object");
                continue;
            };
            forget_classes(&mut result);
            let (create_time, update_time) = row.times(&self.settings.fb.time_zone.0, now);
            let (name, result) = (row.text("image_name"), result.to_string());
            let is_new = self.writing.import_check_result(&image_id, &name, &result, create_time, update_time).await?;
            report.offered(is_new);
        }
        self.report.tables.push(report);
        Ok(())
    }
}

fn forget_classes(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.shift_remove(CLASS_FIELD);
            fields.values_mut().for_each(forget_classes);
        }
        Value::Array(entries) => entries.iter_mut().for_each(forget_classes),
        _ => {}
    }
}
