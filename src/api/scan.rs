//! Tag `task`: what Harbor's scanner found in the image that a task pushed.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::envelope::{Answer, Envelope, success};
use super::error::FormErrors;
use super::extract::Query;
use super::task::TaskIdQuery;
use crate::access::Caller;
use crate::language::{Language, Message};
use crate::registry::{ScanStatus, Severity};
use crate::scan::Scan;
use crate::store::TaskRow;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(task_scan))
}

/// A scan.
#[derive(Serialize, ToSchema)]
#[schema(title = "Scan")]
struct ScanView {
    /// Task number.
    task_id: i64,
    /// Target image.
    image_name: String,
    /// Its manifest digest; absent when the task pushed nothing.
    image_digest: Option<String>,
    /// Where the scan stands.
    status: ScanStatus,
    /// Why there is none, in the caller's language; of `not_scanned` only.
    reason: Option<String>,
    /// The worst that was found; of `success` only.
    severity: Option<Severity>,
    /// How many findings.
    total: u64,
    /// How many of them a newer package mends.
    fixable: u64,
    /// How many of each severity, the worst first.
    #[schema(value_type = BTreeMap<String, u64>)]
    counts: BTreeMap<Severity, u64>,
    /// The scanner and its version, as Harbor names them.
    #[schema(example = "Trivy v0.61.0")]
    scanner: Option<String>,
    /// When the report was made.
    report_time: Option<String>,
}

impl ScanView {
    fn new(task: TaskRow, scan: Scan, state: &AppState, language: Language) -> Self {
        let mut view = Self {
            task_id: task.task_id,
            image_name: task.target_image_name,
            image_digest: task.image_digest,
            status: ScanStatus::NotScanned,
            reason: None,
            severity: None,
            total: 0,
            fixable: 0,
            counts: BTreeMap::new(),
            scanner: None,
            report_time: None,
        };
        match scan {
            Scan::Absent(reason) => view.reason = Some(Message::NotScanned(reason).render(language)),
            Scan::Known(overview) => {
                view.status = overview.status;
                view.severity = overview.severity;
                view.total = overview.total;
                view.fixable = overview.fixable;
                view.counts = overview.counts;
                view.scanner = Some(overview.scanner).filter(|scanner| !scanner.is_empty());
                view.report_time = overview.ended.map(|ended| state.time(ended.0));
            }
        }
        view
    }
}

/// Show what Harbor's scanner found in the image that a task pushed
///
/// Harbor is asked at this moment. An image that was not scanned is no failure: `reason` says why not.
#[utoipa::path(get, path = "/api/fast-build/task/scan", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<ScanView>), FormErrors))]
async fn task_scan(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<TaskIdQuery>,
) -> Answer<ScanView> {
    let task = state.task_of(&caller, query.task_id).await?;
    let scan = state.scans.of(&task).await?;
    success(ScanView::new(task, scan, &state, language))
}
