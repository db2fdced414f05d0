//! Tag `task`: tasks as they are recorded.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::envelope::{Answer, Envelope, Page, Welcome, success, welcome_to};
use super::error::FormErrors;
use super::extract::Query;
use super::fields::{Fields, FromFields, MAX_SAFE_INTEGER, SAFE_INTEGERS};
use super::kept::{KeptAnswer, Question};
use super::task_view::TaskView;
use super::{ApiError, AppState};
use crate::access::Caller;
use crate::language::{Language, Message};
use crate::store::TaskFilter;
use crate::task::TaskId;

/// The largest page number.
pub(super) const MAX_PAGE: i64 = MAX_SAFE_INTEGER;
/// The largest page that may be asked for: old clients ask for everything by a large number.
pub(super) const MAX_PAGE_SIZE: i64 = MAX_SAFE_INTEGER;
/// The most rows of an answer.
pub(super) const MAX_ROWS: i64 = 100_000;

pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::default()
        .routes(routes!(task_welcome))
        .routes(routes!(list_task))
        .routes(routes!(running_tasks))
        .routes(routes!(queued_tasks))
        .routes(routes!(all_tasks))
        .routes(routes!(task_details))
        .routes(routes!(task_detail_by_image_name))
}

/// A task's number.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct TaskIdQuery {
    /// Task number.
    #[param(value_type = i64, minimum = -9_007_199_254_740_991_i64, maximum = 9_007_199_254_740_991_i64,
        example = 1_795_229_647_053_i64)]
    pub(super) task_id: TaskId,
}

impl FromFields for TaskIdQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { task_id: TaskId(fields.integer("task_id", SAFE_INTEGERS)) }
    }
}

/// An image's name.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ImageNameQuery {
    /// Image name.
    #[param(example = "harbor.example.cn/base/ubuntu:20.04")]
    pub(super) image_name: String,
}

impl FromFields for ImageNameQuery {
    fn from_fields(fields: &mut Fields) -> Self {
        Self { image_name: fields.text("image_name") }
    }
}

/// A page of tasks.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListTask {
    /// Page, from 1.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 1)]
    page: i64,
    /// Rows of a page; 100,000 at most are answered.
    #[param(minimum = 1, maximum = 9_007_199_254_740_991_i64, example = 10)]
    page_size: i64,
    /// Part of the target image's name, in any case.
    image_name: Option<String>,
    /// Part of the state's name, in any case.
    task_status: Option<String>,
}

impl FromFields for ListTask {
    fn from_fields(fields: &mut Fields) -> Self {
        Self {
            page: fields.integer("page", 1..=MAX_PAGE),
            page_size: fields.integer("page_size", 1..=MAX_PAGE_SIZE),
            image_name: Some(fields.text_or_empty("image_name")),
            task_status: Some(fields.text_or_empty("task_status")),
        }
    }
}

/// A page of tasks.
#[derive(Serialize, ToSchema)]
struct TaskPage {
    /// Where it stands.
    page: Page,
    /// Its tasks, newest first.
    task_list: Vec<TaskView>,
}

/// Greet
#[utoipa::path(get, path = "/api/fast-build/task/welcome", tag = "task", responses((status = 200, body = Welcome)))]
async fn task_welcome() -> Json<Welcome> {
    welcome_to("Welcome To Task Module")
}

/// List a page of tasks, newest first
#[utoipa::path(get, path = "/api/fast-build/task/list-task", tag = "task", params(ListTask),
    responses((status = 200, body = Envelope<TaskPage>), FormErrors))]
async fn list_task(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<ListTask>,
) -> Result<KeptAnswer, ApiError> {
    let filter =
        TaskFilter { image_name: query.image_name.unwrap_or_default(), state: query.task_status.unwrap_or_default() };
    let (page, page_size) = (query.page, query.page_size);
    let owner = caller.limited_to().map(ToOwned::to_owned);
    let question = Question { filter: filter.clone(), page, page_size, language, owner: owner.clone() };
    let read = async {
        let rows = page_size.min(MAX_ROWS);
        let (rows, total) = match &owner {
            None => state.store.tasks(&filter, page, rows).await?,
            Some(owner) => state.store.tasks_of_owner(owner, &filter, page, rows).await?,
        };
        let task_list = TaskView::of_rows(rows, &state, language).await?;
        success(TaskPage { page: Page { current: page, total, page_size }, task_list })
    };
    state.kept_lists.answer(question, &state.store, read).await
}

/// List the tasks that run
#[utoipa::path(get, path = "/api/fast-build/task/running-tasks", tag = "task",
    responses((status = 200, body = Envelope<Vec<TaskView>>)))]
async fn running_tasks(State(state): State<AppState>, caller: Caller, language: Language) -> Answer<Vec<TaskView>> {
    let mut rows = state.store.running_tasks().await?;
    rows.retain(|row| caller.sees(&row.owner));
    success(TaskView::of_rows(rows, &state, language).await?)
}

/// List the tasks that wait, in the order they will be taken
#[utoipa::path(get, path = "/api/fast-build/task/queued-tasks", tag = "task",
    responses((status = 200, body = Envelope<Vec<TaskView>>)))]
async fn queued_tasks(State(state): State<AppState>, caller: Caller, language: Language) -> Answer<Vec<TaskView>> {
    let mut rows = state.store.queued_tasks().await?;
    rows.retain(|row| caller.sees(&row.owner));
    let mut views = TaskView::of_rows(rows, &state, language).await?;
    views.sort_by_key(|view| view.queue_position);
    success(views)
}

/// List all tasks, oldest first
///
/// `code` -1 when there is none.
#[utoipa::path(get, path = "/api/fast-build/task/all-tasks", tag = "task",
    responses((status = 200, body = Envelope<Vec<TaskView>>)))]
async fn all_tasks(State(state): State<AppState>, caller: Caller, language: Language) -> Answer<Vec<TaskView>> {
    let rows = match caller.limited_to() {
        None => state.store.all_tasks(MAX_ROWS).await?,
        Some(owner) => state.store.all_tasks_of_owner(owner, MAX_ROWS).await?,
    };
    if rows.is_empty() {
        return Err(Message::NoTasks.into());
    }
    success(TaskView::of_rows(rows, &state, language).await?)
}

/// Show a task
///
/// `code` -1 when it is unknown.
#[utoipa::path(get, path = "/api/fast-build/task/task-details_by_task_id", tag = "task", params(TaskIdQuery),
    responses((status = 200, body = Envelope<TaskView>), FormErrors))]
async fn task_details(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<TaskIdQuery>,
) -> Answer<TaskView> {
    let row = state.task_of(&caller, query.task_id).await?;
    let unknown = || Message::TaskUnknown { task_id: query.task_id.0 };
    let view = TaskView::of_rows(vec![row], &state, language).await?.pop();
    success(view.ok_or_else(unknown)?)
}

/// List the tasks whose target image's name contains a text, oldest first
///
/// `code` -1 when there is none.
#[utoipa::path(get, path = "/api/fast-build/task/task-detail-by-image-name", tag = "task", params(ImageNameQuery),
    responses((status = 200, body = Envelope<Vec<TaskView>>), FormErrors))]
async fn task_detail_by_image_name(
    State(state): State<AppState>,
    caller: Caller,
    language: Language,
    Query(query): Query<ImageNameQuery>,
) -> Answer<Vec<TaskView>> {
    let rows = match caller.limited_to() {
        None => state.store.tasks_by_image_name(&query.image_name, MAX_ROWS).await?,
        Some(owner) => state.store.tasks_of_owner_by_image_name(owner, &query.image_name, MAX_ROWS).await?,
    };
    if rows.is_empty() {
        return Err(Message::NoTaskForImage { image_name: query.image_name }.into());
    }
    success(TaskView::of_rows(rows, &state, language).await?)
}
