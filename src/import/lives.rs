//! Old rows of when images came to the daemon and went.

use super::{Import, ImportError};
use crate::clock::Moment;
use crate::store::OldImageLife;

const COLUMNS: &[&str] =
    &["primary_id", "image_name", "image_type", "generator_time", "delete_time", "create_time", "update_time"];

impl Import<'_> {
    pub(super) async fn image_lives(&mut self, now: Moment) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_image_life_table"], COLUMNS).await?;
        let zone = self.settings.fb.time_zone.0.clone();
        for row in &rows {
            let image_name = row.text("image_name");
            if image_name.is_empty() {
                report.skip("no image name");
                continue;
            }
            let image_type = match row.text("image_type").to_ascii_lowercase().as_str() {
                "pull" => "pull",
                "build" => "build",
                _ => {
                    report.skip("neither pull nor build");
                    continue;
                }
            };
            let (create_time, update_time) = row.times(&zone, now);
            let life = OldImageLife {
                primary_id: row.integer("primary_id").filter(|number| *number > 0),
                image_name,
                image_type,
                generator_time: row.moment("generator_time", &zone).unwrap_or(create_time),
                delete_time: row.moment("delete_time", &zone),
                create_time,
                update_time,
            };
            let is_new = self.writing.import_image_life(&life).await?;
            report.offered(is_new);
        }
        self.report.tables.push(report);
        Ok(())
    }
}
