//! The console: pages for people, rendered here, with a little JavaScript for what is live.
//!
//! Pages read rows themselves and act through the REST API from the browser, so that the console can do nothing that the
//! API cannot. The few POST handlers here are what the API has no place for: logging in, encrypting a password without showing
//! the key to a browser, making and revoking tokens, testing what is configured, rolling back to an older row and sending one callback again.
//! Everything is served from the binary; nothing is fetched from elsewhere.

mod assets;
mod build;
mod callbacks;
mod configuration;
mod figures;
mod guard;
mod images;
mod login;
mod outcome;
mod page;
mod paging;
mod request_document;
mod secrets;
mod speech;
mod task;
mod tasks;
mod texts;
mod tokens;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};

use crate::access::Access;
use crate::callback::CallbackService;
use crate::catalogue::Catalogue;
use crate::secret::PlatformCipher;
use crate::settings::Settings;
use crate::site::Site;
use crate::store::Store;

/// The console's own forms are short; what is larger goes to the API.
const FORM_BYTES: usize = 256 << 10;

/// What the pages read and the few actions use. Cloning it is cheap.
#[derive(Clone)]
pub struct Console {
    /// The settings of this process.
    pub settings: Arc<Settings>,
    /// The database.
    pub store: Arc<Store>,
    /// Host, Harbor and Docker server.
    pub site: Arc<Site>,
    /// Mirrors and installers.
    pub catalogue: Arc<Catalogue>,
    /// Callbacks.
    pub callbacks: Arc<CallbackService>,
    /// Encrypts passwords as the platform does.
    pub cipher: Arc<PlatformCipher>,
    /// Who may call.
    pub access: Arc<Access>,
}

/// The console's routes: `/` and everything under `/console`.
pub fn router<S: Clone + Send + Sync + 'static>(console: Console) -> Router<S> {
    Router::new()
        .route("/", get(tasks::show))
        .route("/console/tasks/{task_id}", get(task::show))
        .route("/console/new", get(build::show))
        .route("/console/images", get(images::show))
        .route("/console/configuration", get(configuration::show))
        .route("/console/configuration/test", post(configuration::test))
        .route("/console/configuration/rollback", post(configuration::roll_back))
        .route("/console/callbacks", get(callbacks::show))
        .route("/console/callbacks/resend", post(callbacks::resend))
        .route("/console/tokens", get(tokens::show))
        .route("/console/tokens/create", post(tokens::create))
        .route("/console/tokens/revoke", post(tokens::revoke))
        .route("/console/login", get(login::show).post(login::enter))
        .route("/console/logout", post(login::leave))
        .route("/console/secrets", post(secrets::encrypt))
        .route("/console/language", post(speech::choose))
        .route("/console/static/{file}", get(assets::serve))
        .route("/console", get(tasks::redirect))
        .route("/console/{*rest}", get(page::not_found))
        .layer(DefaultBodyLimit::max(FORM_BYTES))
        .layer(from_fn_with_state(console.clone(), guard::refuse_foreign))
        .layer(from_fn(guard::add_security_headers))
        .with_state(console)
}
