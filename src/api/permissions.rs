//! What each route asks of its caller: all of them in one table.
//!
//! A route that is not named here is for administrators alone, and a test fails until it is named.

use axum::http::Method;

use crate::access::Role;

/// What a route asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// Nothing: it tells nobody anything, or it is where one logs in.
    Nothing,
    /// A role.
    Role(Role),
    /// A role, or a link that was signed for this address.
    RoleOrLink(Role),
}

use Needs::{Nothing, Role as Of, RoleOrLink};

/// What the route asks; `None` when the table does not name it.
pub(super) fn needs(method: &Method, path: &str) -> Option<Needs> {
    let read = matches!(*method, Method::GET | Method::HEAD);
    let asks = if read { of_reading(path) } else { of_changing(method, path) };
    asks.or_else(|| console(read, path))
}

fn of_reading(path: &str) -> Option<Needs> {
    Some(match path.strip_prefix("/api/fast-build").unwrap_or(path) {
        "/healthz" | "/readyz" | "/hello/welcome" => Nothing,
        // Greetings, documents, figures of the whole service without names; then what can be built from, and the caller's
        // own tasks, images and callbacks.
        "/"
        | "/stop"
        | "/callback/welcome"
        | "/check-result/welcome"
        | "/config/welcome"
        | "/data/welcome"
        | "/file/welcome"
        | "/host/welcome"
        | "/image/welcome"
        | "/image-life/welcome"
        | "/progress/welcome"
        | "/system/welcome"
        | "/task/welcome"
        | "/docs"
        | "/docs/"
        | "/docs/{*rest}"
        | "/openapi.json"
        | "/metrics"
        | "/file/list-source"
        | "/file/list-software"
        | "/file/download"
        | "/image/list-image"
        | "/image/list-all"
        | "/task/list-task"
        | "/task/running-tasks"
        | "/task/queued-tasks"
        | "/task/all-tasks"
        | "/task/task-details_by_task_id"
        | "/task/task-detail-by-image-name"
        | "/task/scan"
        | "/progress/details"
        | "/progress/running-tasks-progress"
        | "/progress/status"
        | "/callback/all"
        | "/callback/latest" => Of(Role::Read),
        "/task/events" | "/task/log" | "/task/sbom" | "/task/{work_dir_name}/{file_name}" => RoleOrLink(Role::Read),
        // What names everybody's images, or how the site is made up.
        "/check-result/all-check-result"
        | "/image-life/all"
        | "/config/current"
        | "/config/history"
        | "/host/latest"
        | "/host/all" => Of(Role::Administer),
        _ => return None,
    })
}

fn of_changing(method: &Method, path: &str) -> Option<Needs> {
    let path = path.strip_prefix("/api/fast-build")?;
    Some(match (method.as_str(), path) {
        // Building, and what belongs to the caller's own tasks.
        (
            "POST",
            "/task/build-image"
            | "/task/preview-dockerfile"
            | "/task/rebuild-task"
            | "/task/cancel-task"
            | "/task/pull-image"
            | "/task/check-image",
        )
        | (
            "DELETE",
            "/task/delete-task-by-task-id" | "/task/delete-image-by-task-id" | "/image/delete-image-by-image-name",
        ) => Of(Role::Submit),
        // What everybody's builds are made of, and the site.
        (
            "POST",
            "/file/upload"
            | "/image/add-base-image"
            | "/system/auto_clean_image"
            | "/system/retention"
            | "/config/config-fastbuild"
            | "/config/update-docker-server"
            | "/config/update-harbor"
            | "/host/update-host"
            | "/callback/update-headers"
            | "/callback/test-callback",
        )
        | ("DELETE", "/file/delete" | "/check-result/delete-all-check-result") => Of(Role::Administer),
        _ => return None,
    })
}

fn console(read: bool, path: &str) -> Option<Needs> {
    Some(match (read, path) {
        (_, "/console/login") | (true, "/console/static/{file}") | (false, "/console/language") => Nothing,
        (true, "/" | "/console" | "/console/tasks/{task_id}" | "/console/images" | "/console/{*rest}")
        | (false, "/console/logout") => Of(Role::Read),
        (true, "/console/new") | (false, "/console/secrets") => Of(Role::Submit),
        (true, "/console/configuration" | "/console/callbacks" | "/console/tokens")
        | (
            false,
            "/console/configuration/test"
            | "/console/configuration/rollback"
            | "/console/callbacks/resend"
            | "/console/tokens/create"
            | "/console/tokens/revoke",
        ) => Of(Role::Administer),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use utoipa::openapi::path::PathItem;

    use super::*;

    fn methods(item: &PathItem) -> Vec<Method> {
        let all = [
            (Method::GET, item.get.is_some()),
            (Method::POST, item.post.is_some()),
            (Method::PUT, item.put.is_some()),
            (Method::PATCH, item.patch.is_some()),
            (Method::DELETE, item.delete.is_some()),
        ];
        all.into_iter().filter_map(|(method, has)| has.then_some(method)).collect()
    }

    #[test]
    fn every_documented_route_is_named() {
        for (path, item) in &super::super::openapi_document().paths.paths {
            for method in methods(item) {
                assert!(needs(&method, path).is_some(), "{method} {path} must say in permissions.rs what it asks");
            }
        }
    }

    #[test]
    fn what_is_not_named_is_not_open() {
        for (method, path) in [
            (Method::PUT, "/api/fast-build/task/list-task"),
            (Method::POST, "/healthz"),
            (Method::GET, "/api/fast-build/config/config-fastbuild"),
            (Method::GET, "/new"),
        ] {
            assert_eq!(needs(&method, path), None, "{method} {path}");
        }
    }
}
