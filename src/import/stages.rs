//! Old progress rows: the last row of each stage of a task that was taken over.

use std::collections::{BTreeSet, HashMap};

use super::{Import, ImportError};
use crate::store::OldStage;
use crate::task::StageName;

const COLUMNS: &[&str] =
    &["primary_id", "task_id", "action", "status", "start_time", "end_time", "duration", "create_time", "update_time"];

impl Import<'_> {
    pub(super) async fn stages(&mut self) -> Result<(), ImportError> {
        let (rows, mut report) = self.source.rows(&["fb_progress_table"], COLUMNS).await?;
        let zone = self.settings.fb.time_zone.0.clone();
        let mut last: HashMap<(i64, StageName), OldStage> = HashMap::new();
        for row in &rows {
            let Some(task_id) = row.integer("task_id") else {
                report.skip("no task number");
                continue;
            };
            let Some(stage) = StageName::from_name(row.text("action").trim()) else {
                report.skip(format!("unknown stage '{}'", row.text("action")));
                continue;
            };
            let start_time = ["start_time", "create_time", "end_time"].iter().find_map(|name| row.moment(name, &zone));
            let Some(start_time) = start_time else {
                report.skip("no time");
                continue;
            };
            let end_time = row.moment("end_time", &zone);
            let (create_time, update_time) = row.times(&zone, start_time);
            let status = match row.text("status").trim() {
                "success" => "success",
                "fail" => "fail",
                _ => {
                    report.change("neither success nor fail, so it became fail");
                    "fail"
                }
            };
            let duration_ms = row.integer("duration").or(end_time.map(|end| end.millis_since(start_time)));
            let stage_row = OldStage {
                primary_id: row.integer("primary_id").filter(|number| *number > 0),
                task_id,
                action: stage.as_str(),
                status,
                start_time,
                end_time: end_time.or_else(|| duration_ms.map(|millis| start_time.plus_millis(millis))),
                duration_ms,
                create_time,
                update_time,
            };
            if last.insert((task_id, stage), stage_row).is_some() {
                report.skip("repeated; the last row of a stage counts");
            }
        }
        let mut stages: Vec<(StageName, OldStage)> = last.into_iter().map(|((_, name), stage)| (name, stage)).collect();
        stages.sort_by_key(|(name, stage)| (stage.task_id, *name));
        let mut touched = BTreeSet::new();
        for (_, stage) in &stages {
            if !self.writing.has_task(stage.task_id).await? {
                report.skip("its task is unknown");
                continue;
            }
            let is_new = self.writing.import_stage(stage).await?;
            report.offered(is_new);
            if self.added_tasks.contains(&stage.task_id) {
                touched.insert(stage.task_id);
            }
        }
        for task_id in touched {
            self.writing.settle_task_times(task_id).await?;
        }
        self.report.tables.push(report);
        Ok(())
    }
}
