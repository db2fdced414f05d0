//! The configuration: what is in force, tests of it, the form that changes it, earlier rows and the way back to one.

use askama::Template;
use axum::Json;
use axum::extract::{OriginalUri, State};
use axum::response::Response;
use serde::Deserialize;

use super::Console;
use super::figures::{Stamp, stamp};
use super::outcome::Outcome;
use super::page::{Frame, PageError, Section, respond};
use super::speech::Speech;
use super::texts::Texts;
use crate::language::hint;
use crate::site::{ConfigureError, Part, SiteError};

const ROWS_SHOWN: i64 = 20;

#[derive(Template)]
#[template(path = "configuration.html")]
struct ConfigurationPage {
    frame: Frame,
    t: &'static Texts,
    parts: Vec<PartView>,
    form: FormValues,
    header_names: Vec<String>,
    headers_since: Option<Stamp>,
}

struct PartView {
    key: &'static str,
    title: &'static str,
    purpose: &'static str,
    can_test: bool,
    rows: Vec<RowView>,
}

struct RowView {
    primary_id: i64,
    value: String,
    notes: Vec<String>,
    since: Stamp,
    is_in_force: bool,
    can_roll_back: bool,
}

struct FormValues {
    host: String,
    port: u16,
    username: String,
    registry: String,
    registry_dns: String,
    has_ca: bool,
    docker_host: String,
    docker_port: u16,
    docker_tls: bool,
}

fn mark(rows: Vec<(i64, String, Vec<String>, Stamp)>) -> Vec<RowView> {
    let view = |(index, (primary_id, value, notes, since))| {
        let is_in_force = index == 0;
        RowView { primary_id, value, notes, since, is_in_force, can_roll_back: !is_in_force }
    };
    rows.into_iter().enumerate().map(view).collect()
}

async fn page(console: &Console, speech: Speech, uri: &http::Uri) -> Result<ConfigurationPage, PageError> {
    let t = speech.texts;
    let zone = &console.settings.fb.time_zone.0;
    let store = &console.store;
    let c = &t.configuration;
    // The row that the first start inserts counts as not configured.
    let hosts: Vec<_> = store.hosts(ROWS_SHOWN).await?.into_iter().filter(|row| row.host_ip != "0.0.0.0").collect();
    let harbors = store.harbors(ROWS_SHOWN).await?;
    let servers = store.docker_servers(ROWS_SHOWN).await?;
    let headers = store.callback_headers(1).await?.pop();
    let form = FormValues {
        host: hosts.first().map(|row| row.host_ip.clone()).unwrap_or_default(),
        port: hosts.first().map_or(console.settings.fb.port, |row| row.host_port),
        username: harbors.first().map(|row| row.username.clone()).unwrap_or_default(),
        registry: harbors.first().map(|row| row.registry.clone()).unwrap_or_default(),
        registry_dns: harbors.first().map(|row| row.registry_dns.clone()).unwrap_or_default(),
        has_ca: harbors.first().is_some_and(|row| row.ca_pem.is_some()),
        docker_host: servers.first().map(|row| row.host.clone()).unwrap_or_default(),
        docker_port: servers.first().map_or(2375, |row| row.port),
        docker_tls: servers.first().is_some_and(|row| row.tls_verify),
    };
    let host_rows = hosts.into_iter().map(|row| {
        (row.primary_id, format!("{}:{}", row.host_ip, row.host_port), Vec::new(), stamp(row.create_time.0, zone))
    });
    let harbor_rows = harbors.into_iter().map(|row| {
        let mut notes = vec![row.username];
        notes.extend(Some(row.registry_dns).filter(|dns| !dns.is_empty()));
        notes.extend(row.ca_pem.map(|_| c.private_ca.to_owned()));
        (row.primary_id, row.registry, notes, stamp(row.create_time.0, zone))
    });
    let server_rows = servers.into_iter().map(|row| {
        let is_socket = row.host.starts_with("unix:");
        let value = if is_socket { row.host } else { format!("{}:{}", row.host, row.port) };
        let note = if row.tls_verify { c.tls_on } else { c.tls_off };
        let notes = if is_socket { Vec::new() } else { vec![note.to_owned()] };
        (row.primary_id, value, notes, stamp(row.create_time.0, zone))
    });
    let parts = vec![
        PartView {
            key: "docker_server",
            title: c.docker_server,
            purpose: c.docker_purpose,
            can_test: true,
            rows: mark(server_rows.collect()),
        },
        PartView {
            key: "harbor",
            title: c.harbor,
            purpose: c.harbor_purpose,
            can_test: true,
            rows: mark(harbor_rows.collect()),
        },
        PartView {
            key: "host",
            title: c.host,
            purpose: c.host_purpose,
            can_test: false,
            rows: mark(host_rows.collect()),
        },
    ];
    Ok(ConfigurationPage {
        frame: Frame::new(console, speech, Section::Configuration, uri),
        t,
        parts,
        form,
        header_names: header_names(console).await,
        headers_since: headers.map(|row| stamp(row.create_time.0, zone)),
    })
}

/// The names of the callback headers; their values may be tokens and are not shown.
async fn header_names(console: &Console) -> Vec<String> {
    match console.site.callback_headers().await {
        Ok(headers) => headers.into_keys().collect(),
        Err(error) => {
            tracing::warn!("the callback headers cannot be shown: {error}");
            Vec::new()
        }
    }
}

/// Shows the configuration.
pub(super) async fn show(State(console): State<Console>, speech: Speech, OriginalUri(uri): OriginalUri) -> Response {
    respond(page(&console, speech.clone(), &uri).await, speech, &uri)
}

/// A part by its name in the page.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PartName {
    Host,
    Harbor,
    DockerServer,
}

/// What to test.
#[derive(Debug, Deserialize)]
pub(super) struct TestOrder {
    part: PartName,
}

/// Tests what is in force: the daemon answers, and it may log in at Harbor.
pub(super) async fn test(State(console): State<Console>, speech: Speech, Json(order): Json<TestOrder>) -> Outcome {
    let c = &speech.texts.configuration;
    let tested = match order.part {
        PartName::Host => return Outcome::done(c.host_purpose),
        PartName::DockerServer => reach_daemon(&console).await.map(|version| format!("{} {version}", c.docker_works)),
        PartName::Harbor => log_in(&console).await.map(|()| c.harbor_works.to_owned()),
    };
    match tested {
        Ok(words) => Outcome::done(words),
        Err(error) => refused(error, &speech),
    }
}

async fn reach_daemon(console: &Console) -> Result<String, SiteError> {
    let server = console.site.docker_server().await?;
    let info = server.engine.info().await?;
    Ok(format!("Docker {}", info.version))
}

async fn log_in(console: &Console) -> Result<(), SiteError> {
    let harbor = console.site.harbor().await?;
    let server = console.site.docker_server().await?;
    Ok(server.engine.check_login(&harbor.account).await?)
}

fn refused(error: SiteError, speech: &Speech) -> Outcome {
    let t = speech.texts;
    match error {
        SiteError::NotConfigured(parts) => {
            let names: Vec<_> = parts.into_iter().map(|part| part_title(part, t)).collect();
            Outcome::refused(format!("{}: {}", names.join(", "), t.configuration.not_configured))
        }
        SiteError::Engine(error) => {
            Outcome::refused(format!("{} — {}", error.message, hint(error.cause, speech.language)))
        }
        error => {
            tracing::error!("a configuration test failed: {error}");
            Outcome::refused(t.common.failed)
        }
    }
}

fn part_title(part: Part, t: &'static Texts) -> &'static str {
    match part {
        Part::Host => t.configuration.host,
        Part::Harbor => t.configuration.harbor,
        Part::DockerServer => t.configuration.docker_server,
    }
}

/// Which row to go back to.
#[derive(Debug, Deserialize)]
pub(super) struct RollBackOrder {
    part: PartName,
    primary_id: i64,
}

/// Tests an earlier row and stores it again as the newest.
pub(super) async fn roll_back(
    State(console): State<Console>,
    speech: Speech,
    Json(order): Json<RollBackOrder>,
) -> Outcome {
    let t = speech.texts;
    let part = match order.part {
        PartName::Host => Part::Host,
        PartName::Harbor => Part::Harbor,
        PartName::DockerServer => Part::DockerServer,
    };
    match console.site.roll_back(part, order.primary_id).await {
        Ok(true) => Outcome::done(t.configuration.rolled_back),
        Ok(false) => Outcome::refused(t.configuration.row_unknown),
        Err(ConfigureError::Test(error)) => refused(SiteError::Engine(error), &speech),
        Err(ConfigureError::Site(error)) => refused(error, &speech),
        Err(error) => {
            tracing::error!("a configuration row cannot be used again: {error}");
            Outcome::refused(t.common.failed)
        }
    }
}
