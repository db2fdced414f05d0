//! `fastbuild token`: makes, lists and revokes tokens in the database, whether the service runs or not.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::failure::REFUSED;
use super::table::table;
use super::{SettingsArguments, complain, output};
use crate::access::{AccessError, AccessName, Role, Standing, TokenOrder, create_token, revoke_token};
use crate::clock::{Clock, Moment, SystemClock};
use crate::settings::Settings;
use crate::store::{AccessTokenRow, Store, StoreError};

const EXAMPLES: &str = "\
Examples:
  fastbuild token create --name admin --role administer
  fastbuild token create --name platform-2027 --user platform --role submit --expires-days 400
  fastbuild token list
  fastbuild token revoke platform-2026

Run it as the user of the service (runuser -u fastbuild -- fastbuild token …) and with its settings: it works on the
database itself, whether the service runs or not, and a running service follows at once. The first token closes a
service that was open.";

/// What is done with tokens.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct TokenArguments {
    #[command(subcommand)]
    verb: TokenVerb,
}

#[derive(Debug, Subcommand)]
enum TokenVerb {
    /// Make a token and print it, this once.
    Create(CreateArguments),
    /// List the tokens, newest first; their texts are nowhere.
    List(ListArguments),
    /// Revoke a token; the sessions of the console that were begun with it end.
    Revoke(RevokeArguments),
}

#[derive(Debug, Args)]
struct CreateArguments {
    /// What it is called.
    #[arg(long)]
    name: AccessName,
    /// What it may do.
    #[arg(long)]
    role: Role,
    /// Whose tasks it makes and sees, so that one token can take another's place; its name when absent.
    #[arg(long)]
    user: Option<AccessName>,
    /// After how many days it ends; never by itself when absent.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=36_500))]
    expires_days: Option<u32>,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct ListArguments {
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct RevokeArguments {
    /// Its name or number.
    #[arg(value_name = "TOKEN", required_unless_present = "name")]
    token: Option<String>,
    /// Its name, as another way to say it.
    #[arg(long, conflicts_with = "token")]
    name: Option<String>,
    #[command(flatten)]
    common: CommonArguments,
}

#[derive(Debug, Args)]
struct CommonArguments {
    /// Print JSON for scripts.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    settings: SettingsArguments,
}

/// Why a token could not be made, listed or revoked.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error("there is no database {}; the settings name another one than the service's?", .0.display())]
    NoDatabase(PathBuf),
    #[error("cannot create the directory of the database: {0}")]
    Directory(std::io::Error),
    #[error(transparent)]
    Access(#[from] AccessError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the output cannot be written: {0}")]
    Output(#[from] std::io::Error),
}

pub(super) fn run(arguments: TokenArguments) -> ExitCode {
    let common = match &arguments.verb {
        TokenVerb::Create(it) => &it.common,
        TokenVerb::List(it) => &it.common,
        TokenVerb::Revoke(it) => &it.common,
    };
    let as_json = common.json;
    let settings = match common.settings.clone().load() {
        Ok((settings, _)) => settings,
        Err(error) => return complain(&error),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error),
    };
    match runtime.block_on(work(&settings, arguments.verb, as_json)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            let is_wrong_use =
                matches!(&error, TokenError::Access(AccessError::NameTaken(_) | AccessError::Unknown(_)));
            if is_wrong_use { ExitCode::from(REFUSED) } else { ExitCode::FAILURE }
        }
    }
}

async fn work(settings: &Settings, verb: TokenVerb, as_json: bool) -> Result<(), TokenError> {
    let file = Path::new(&settings.db.file);
    // A token may be made before the first start; in a database that nobody has there is nothing else to do.
    if !matches!(verb, TokenVerb::Create(_)) && !file.is_file() {
        return Err(TokenError::NoDatabase(file.to_owned()));
    }
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(TokenError::Directory)?;
    }
    let store = Store::open_beside(file).await?;
    let done = match verb {
        TokenVerb::Create(order) => create(&store, settings, order, as_json).await,
        TokenVerb::List(_) => list(&store, settings, as_json).await,
        TokenVerb::Revoke(order) => revoke(&store, order, as_json).await,
    };
    store.close().await;
    done
}

async fn create(store: &Store, settings: &Settings, order: CreateArguments, as_json: bool) -> Result<(), TokenError> {
    let (name, role) = (order.name.to_string(), order.role);
    let order = TokenOrder { name: order.name, user: order.user, role, expires_days: order.expires_days };
    let made = create_token(store, &SystemClock, order).await?;
    output::note(&format!("made in the database {}", settings.db.file));
    let ends = made.expire_time.map(|time| time.in_zone(&settings.fb.time_zone.0));
    if as_json {
        let document = json!({
            "id": made.primary_id, "name": name, "user": made.user, "role": role.as_str(),
            "token": made.text.expose_secret(), "expire_time": ends,
        });
        output::document(&document)?;
        return Ok(());
    }
    // The token alone goes to standard output, so that a script can keep it.
    output::line(made.text.expose_secret())?;
    let ends = ends.map_or_else(|| "does not end by itself".to_owned(), |time| format!("ends {time}"));
    output::note(&format!("token {name} of {} with role {role}; it {ends}. It is shown this once.", made.user));
    Ok(())
}

async fn list(store: &Store, settings: &Settings, as_json: bool) -> Result<(), TokenError> {
    let now = SystemClock.now();
    let rows = store.access_tokens().await?;
    let time = |micros: Option<i64>| micros.map(|micros| Moment(micros).in_zone(&settings.fb.time_zone.0));
    if as_json {
        output::document(&rows.iter().map(|row| document(row, now, time)).collect())?;
        return Ok(());
    }
    let short = |micros: Option<i64>| time(micros).map_or_else(|| "-".to_owned(), |time| time[..19].replace('T', " "));
    let cells = |row: &AccessTokenRow| {
        vec![
            row.primary_id.to_string(),
            row.name.clone(),
            row.user_name.clone(),
            row.role.clone(),
            Standing::of(row, now).as_str().to_owned(),
            short(Some(row.create_time)),
            short(row.last_use_time),
            short(row.expire_time),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    output::line(&table(&["ID", "NAME", "USER", "ROLE", "STATE", "MADE", "LAST USED", "ENDS"], &rows))?;
    Ok(())
}

fn document(row: &AccessTokenRow, now: Moment, time: impl Fn(Option<i64>) -> Option<String>) -> Value {
    json!({
        "id": row.primary_id, "name": row.name, "user": row.user_name, "role": row.role,
        "state": Standing::of(row, now).as_str(), "create_time": time(Some(row.create_time)),
        "last_use_time": time(row.last_use_time), "expire_time": time(row.expire_time),
        "revoke_time": time(row.revoke_time),
    })
}

async fn revoke(store: &Store, order: RevokeArguments, as_json: bool) -> Result<(), TokenError> {
    let which = order.token.or(order.name).unwrap_or_default();
    let row = revoke_token(store, &SystemClock, &which).await?;
    if as_json {
        output::document(&json!({ "id": row.primary_id, "name": row.name, "revoked": true }))?;
    } else {
        output::line(&format!("token {} ({}) is revoked", row.name, row.primary_id))?;
    }
    Ok(())
}
