//! Harbor's API 2.0 of the double: projects, quotas, rules, tags of artifacts.

use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::harbor::{Asked, Contents, Project, SCANNER, refusal};

/// The form of a report of vulnerabilities.
const REPORT: &str = "application/vnd.security.vulnerability.report; version=1.1";

pub fn answer(contents: &mut Contents, asked: &Asked) -> Response {
    let path = asked.path.split('?').next().unwrap_or_default();
    let Some(path) = path.strip_prefix("/api/v2.0/").filter(|_| contents.is_harbor) else {
        return (StatusCode::NOT_FOUND, "404 page not found").into_response();
    };
    if path == "ping" {
        return "Pong".into_response();
    }
    if !asked.has_account() {
        return refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "unauthorized");
    }
    let segments: Vec<&str> = path.split('/').collect();
    let ["projects", name, rest @ ..] = segments.as_slice() else { return not_found() };
    let Some(project) = contents.projects.get(*name).cloned() else { return not_found() };
    let forbidden = || refusal(StatusCode::FORBIDDEN, "FORBIDDEN", "forbidden");
    match rest {
        [] => {
            let registry_id = if project.is_proxy_cache { json!(7) } else { Value::Null };
            json!({"project_id": 1, "name": name, "registry_id": registry_id}).to_string().into_response()
        }
        ["summary"] => {
            let quota = project.quota.map(|(hard, used)| json!({"hard": {"storage": hard}, "used": {"storage": used}}));
            json!({"repo_count": 1, "quota": quota}).to_string().into_response()
        }
        ["immutabletagrules"] if !project.tells_rules => forbidden(),
        ["immutabletagrules"] => {
            let rules: Vec<Value> = project.immutable.iter().map(|(repository, tag)| rule(repository, tag)).collect();
            json!(rules).to_string().into_response()
        }
        ["scanner"] => project.scanner.map_or_else(forbidden, IntoResponse::into_response),
        ["repositories", repository, "artifacts", rest @ ..] => {
            let name = repository.replace("%252F", "/");
            match rest {
                [_, "tags"] if !project.tells_tags => forbidden(),
                [key, "tags"] => contents.artifact_tags(&project_repository(segments[1], &name), key),
                [key, "tags", tag] => contents.delete_tag(segments[1], &name, key, tag),
                [key, "scan"] if asked.method == Method::POST => {
                    contents.start_scan(&project, &project_repository(segments[1], &name), key)
                }
                [key] if asked.method == Method::GET => {
                    contents.artifact(&project_repository(segments[1], &name), key, asked)
                }
                [key] if asked.method == Method::DELETE => {
                    contents.delete_artifact(&project_repository(segments[1], &name), key)
                }
                _ => not_found(),
            }
        }
        _ => not_found(),
    }
}

fn not_found() -> Response {
    refusal(StatusCode::NOT_FOUND, "NOT_FOUND", "not found")
}

fn project_repository(project: &str, name: &str) -> String {
    format!("{project}/{name}")
}

fn rule(repository: &str, tag: &str) -> Value {
    json!({"id": 1, "disabled": false, "action": "immutable", "template": "immutable_template",
        "scope_selectors": {"repository": [{"kind": "doublestar", "decoration": "repoMatches", "pattern": repository}]},
        "tag_selectors": [{"kind": "doublestar", "decoration": "matches", "pattern": tag}]})
}

impl Contents {
    pub fn is_immutable(&self, project: &str, repository: &str, tag: &str) -> bool {
        let rule = self.projects.get(project).and_then(|project| project.immutable.as_ref());
        rule.is_some_and(|(of, tags)| of == repository && tags == tag)
    }

    fn artifact_tags(&self, repository: &str, key: &str) -> Response {
        let digest = self.tags.get(&(repository.to_owned(), key.to_owned())).map_or(key, String::as_str);
        if !self.manifests.contains_key(&(repository.to_owned(), digest.to_owned())) {
            return not_found();
        }
        let (project, name) = repository.split_once('/').unwrap_or_default();
        let tags: Vec<Value> = self
            .tags
            .iter()
            .filter(|((of, _), tagged)| of == repository && *tagged == digest)
            .map(|((_, tag), _)| json!({"name": tag, "immutable": self.is_immutable(project, name, tag)}))
            .collect();
        json!(tags).to_string().into_response()
    }

    /// As Harbor does: 412 without a scanner, 409 while it scans already.
    fn start_scan(&mut self, project: &Project, repository: &str, key: &str) -> Response {
        if project.scanner.is_some_and(|scanner| scanner != SCANNER) {
            return refusal(StatusCode::PRECONDITION_FAILED, "PRECONDITION", "no available scanner");
        }
        let at = (repository.to_owned(), key.to_owned());
        if self.scans.get(&at).is_some_and(|scan| scan["scan_status"] == "Running") {
            return refusal(StatusCode::CONFLICT, "CONFLICT", "a previous scan process is Running");
        }
        self.scans.insert(at, json!({"report_id": "1", "scan_status": "Running", "complete_percent": 0}));
        StatusCode::ACCEPTED.into_response()
    }

    fn artifact(&self, repository: &str, key: &str, asked: &Asked) -> Response {
        let accepted = asked.headers.get("x-accept-vulnerabilities").and_then(|value| value.to_str().ok());
        let mut artifact = json!({"digest": key, "type": "IMAGE"});
        let is_wanted =
            asked.query("with_scan_overview") == ["true"] && accepted.is_some_and(|forms| forms.contains(REPORT));
        if let Some(scan) = self.scans.get(&(repository.to_owned(), key.to_owned())).filter(|_| is_wanted) {
            artifact["scan_overview"] = json!({REPORT: scan});
        }
        artifact.to_string().into_response()
    }

    fn delete_tag(&mut self, project: &str, name: &str, key: &str, tag: &str) -> Response {
        if self.is_immutable(project, name, tag) {
            let message = format!("the tag {tag} configured as immutable, cannot be deleted");
            return refusal(StatusCode::PRECONDITION_FAILED, "PRECONDITION", &message);
        }
        let at = (project_repository(project, name), tag.to_owned());
        if self.tags.get(&at).is_none_or(|tagged| tagged != key) {
            return not_found();
        }
        self.tags.remove(&at);
        StatusCode::OK.into_response()
    }

    fn delete_artifact(&mut self, repository: &str, key: &str) -> Response {
        match self.manifests.remove(&(repository.to_owned(), key.to_owned())) {
            Some(_) => StatusCode::OK.into_response(),
            None => not_found(),
        }
    }
}
