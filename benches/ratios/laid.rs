//! Tasks laid into a database by SQL, as the years would leave them.

use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use super::dockers::Bench;
use super::outcome::Outcome;
use super::service::Service;

/// Ended tasks with documents of a usual size; names, states and times vary.
const TASKS: &str = "
    INSERT INTO task (task_id, name, state, is_ended, base_image_name, target_image_name, target_key, description,
        request_document, secrets_sealed, work_dir_name, callback_url, attempts, pid, image_id, image_digest, cause,
        create_time, start_time, end_time, update_time)
    WITH RECURSIVE n (i) AS (SELECT ?1 + 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?2)
    SELECT 1700000000000 + i, 'task ' || i, iif(i % 9 = 0, 'BUILD_FAILED', 'PUSH_SUCCESS'), 1,
        'harbor.example.cn/base/ubuntu:20.04', 'harbor.example.cn/team-' || (i % 50) || '/image:' || i,
        'harbor.example.cn/team-' || (i % 50) || '/image:' || i, 'laid in',
        '{\"documents\":\"' || hex(randomblob(500)) || '\"}', hex(randomblob(60)), 'laid-' || i,
        'http://platform.example.cn/callback', 1, '1', hex(randomblob(32)), 'sha256:' || lower(hex(randomblob(32))),
        iif(i % 9 = 0, 'PACKAGE_NOT_FOUND', NULL), 1700000000000000 + i, 1700000000000000 + i, 1700000000000000 + i,
        1700000000000000 + i
    FROM n";

/// A configured service over this many tasks; `laid` of them lie there from an earlier call.
pub async fn service(bench: &Bench, directory: &Path, laid: u64, total: u64) -> Outcome<Service> {
    let file = directory.join("data/fastbuild.sqlite3");
    if !file.exists() {
        Service::configured(bench, directory, &[]).await?.stop().await?;
    }
    let mut connection = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(&file)).await?;
    let (from, to) = (i64::try_from(laid)?, i64::try_from(total)?);
    sqlx::query(TASKS).bind(from).bind(to).execute(&mut connection).await?;
    connection.close().await?;
    Service::start(directory, &[]).await
}
