//! `/metrics`: figures for Prometheus.

use std::collections::HashMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ApiError, AppState};
use crate::clock::Moment;
use crate::health::Condition;
use crate::metrics::{Figures, ProcessFigures};
use crate::store::StoreError;
use crate::task::TaskState;

/// Prometheus' text format, which every version of it reads.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default().routes(routes!(metrics))
}

/// Give figures for Prometheus
///
/// Prometheus' text format: queue, stages, results by cause, reuse, callbacks, disks, dependencies, requests, process.
/// Figures that cannot be had at the moment are left out.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, body = String, content_type = "text/plain; version=0.0.4; charset=utf-8")))]
async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let text = state.metrics.render(&figures(&state).await).map_err(ApiError::internal)?;
    Ok(([(CONTENT_TYPE, TEXT_FORMAT)], text).into_response())
}

/// What gauges show now. A database that does not answer costs its own figures only.
async fn figures(state: &AppState) -> Figures {
    let mut figures = rows(state).await.unwrap_or_default();
    figures.slots = Some((state.worker.under_way(), state.worker.slots()));
    figures.disks = state.disks.measure().await;
    figures.docker_usage = state.health.usage().map(|usage| (usage.layers_bytes, usage.build_cache_bytes));
    figures.process = tokio::task::spawn_blocking(ProcessFigures::read).await.ok();
    if let Some(report) = state.health.last() {
        let asked = report.parts().into_iter().filter(|(_, part)| part.condition != Condition::NotConfigured);
        figures.dependencies = asked.map(|(name, part)| (name, part.condition == Condition::Ok)).collect();
    }
    figures
}

async fn rows(state: &AppState) -> Result<Figures, StoreError> {
    let now = state.clock.now();
    // States that no task is in are told too: a series that comes and goes cannot be counted on.
    let totals: HashMap<_, _> = state.store.task_totals_by_state().await?.into_iter().collect();
    let tasks = TaskState::ALL.map(|task_state| (task_state, totals.get(&task_state).copied().unwrap_or(0))).to_vec();
    let age = |oldest: Option<Moment>| Some(oldest.map_or(0, |oldest| now.millis_since(oldest)));
    Ok(Figures {
        tasks,
        oldest_wait_millis: age(state.store.oldest_queued_time().await?),
        callbacks_waiting: Some(state.store.pending_deliveries().await?),
        oldest_callback_millis: age(state.store.oldest_pending_delivery_time().await?),
        ..Figures::default()
    })
}
