//! The distribution API of the double: manifests, blobs, uploads, tags.

use axum::http::header::{CONTENT_TYPE, LINK, LOCATION, WWW_AUTHENTICATE};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use fastbuild::image::Digest;
use serde_json::json;

use super::harbor::{Asked, Contents, Login, refusal};

/// What a path of the distribution API means.
enum Place<'a> {
    Root,
    Tags(&'a str),
    Manifest(&'a str, &'a str),
    Blob(&'a str, &'a str),
    Uploads(&'a str),
    Upload(&'a str, u64),
    Nowhere,
}

fn place(path: &str) -> Place<'_> {
    let path = path.split('?').next().unwrap_or_default();
    let Some(rest) = path.strip_prefix("/v2/") else { return Place::Nowhere };
    if rest.is_empty() {
        return Place::Root;
    }
    if let Some(repository) = rest.strip_suffix("/tags/list") {
        return Place::Tags(repository);
    }
    if let Some((repository, key)) = rest.split_once("/manifests/") {
        return Place::Manifest(repository, key);
    }
    match rest.split_once("/blobs/") {
        Some((repository, "uploads/")) => Place::Uploads(repository),
        Some((repository, rest)) => match rest.strip_prefix("uploads/") {
            Some(number) => number.parse().map_or(Place::Nowhere, |number| Place::Upload(repository, number)),
            None => Place::Blob(repository, rest),
        },
        None => Place::Nowhere,
    }
}

pub fn answer(contents: &mut Contents, asked: &Asked) -> Response {
    let place = place(&asked.path);
    let repository = match &place {
        Place::Root => None,
        Place::Tags(repository)
        | Place::Manifest(repository, _)
        | Place::Blob(repository, _)
        | Place::Uploads(repository)
        | Place::Upload(repository, _) => Some(*repository),
        Place::Nowhere => return StatusCode::NOT_FOUND.into_response(),
    };
    if let Some(challenge) = contents.challenge(asked, repository) {
        let refused = refusal(StatusCode::UNAUTHORIZED, "UNAUTHORIZED", "authentication required");
        return ([(WWW_AUTHENTICATE, challenge)], refused).into_response();
    }
    match place {
        Place::Root => "{}".into_response(),
        Place::Tags(repository) => contents.list_tags(repository, asked),
        Place::Manifest(repository, key) => contents.manifest(repository, key, asked),
        Place::Blob(repository, digest) => match contents.blobs.get(&(repository.to_owned(), digest.to_owned())) {
            Some(bytes) => bytes.clone().into_response(),
            None => refusal(StatusCode::NOT_FOUND, "BLOB_UNKNOWN", "blob unknown to registry"),
        },
        Place::Uploads(repository) => contents.open_upload(repository, asked),
        Place::Upload(_, number) => contents.end_upload(number, asked),
        Place::Nowhere => StatusCode::NOT_FOUND.into_response(),
    }
}

impl Contents {
    /// The challenge for a request that may not; as Harbor does, Basic for whoever came with something.
    fn challenge(&self, asked: &Asked, repository: Option<&str>) -> Option<String> {
        let action = match asked.method {
            Method::GET | Method::HEAD => "pull",
            Method::DELETE if asked.path.contains("/manifests/") => "delete",
            _ => "push",
        };
        let may = match (self.login, repository) {
            (Login::Basic, None) => asked.has_account(),
            (Login::Basic, Some(repository)) => asked.has_account() && self.granted(repository).contains(action),
            (Login::Bearer, None) => false,
            (Login::Bearer, Some(repository)) => self.token_grants(asked, repository, action),
        };
        if may {
            return None;
        }
        if self.login == Login::Basic || asked.authorization.is_some() {
            return Some("Basic realm=\"harbor\"".to_owned());
        }
        let here = format!("{}://{}/service/token", self.scheme, self.address);
        let realm = self.realm.clone().unwrap_or(here);
        Some(format!("Bearer realm=\"{realm}\",service=\"harbor-registry\""))
    }

    fn token_grants(&self, asked: &Asked, repository: &str, action: &str) -> bool {
        let token = asked.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
        let grants = token.and_then(|token| self.tokens.get(token)?.get(repository));
        grants.is_some_and(|granted| granted.contains(action))
    }

    fn list_tags(&self, repository: &str, asked: &Asked) -> Response {
        if self.pages_for_ever {
            let link = format!("</v2/{repository}/tags/list?last=x>; rel=\"next\"");
            return ([(LINK, link)], r#"{"tags":null}"#).into_response();
        }
        let last = asked.query("last").pop().unwrap_or_default();
        let tags: Vec<&String> = self.tags.keys().filter(|(of, _)| of == repository).map(|(_, tag)| tag).collect();
        // Pages of two, whatever was asked for, so that every listing turns pages.
        let page: Vec<&&String> = tags.iter().filter(|tag| ***tag > last).take(2).collect();
        let body = json!({"name": repository, "tags": page}).to_string();
        match page.last() {
            Some(end) if tags.last() != Some(*end) => {
                let link = format!("</v2/{repository}/tags/list?last={end}&n=2>; rel=\"next\"");
                ([(LINK, link)], body).into_response()
            }
            _ => body.into_response(),
        }
    }

    fn manifest(&mut self, repository: &str, key: &str, asked: &Asked) -> Response {
        let tagged = self.tags.get(&(repository.to_owned(), key.to_owned())).cloned();
        let digest = tagged.clone().unwrap_or_else(|| key.to_owned());
        let at = (repository.to_owned(), digest.clone());
        match asked.method {
            Method::PUT => self.put_manifest(repository, key, asked),
            Method::DELETE => {
                self.tags.retain(|(of, _), tagged| of != repository || *tagged != digest);
                match self.manifests.remove(&at) {
                    Some(_) => StatusCode::ACCEPTED.into_response(),
                    None => refusal(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
                }
            }
            _ => match self.manifests.get(&at) {
                Some((media_type, bytes)) => {
                    let headers = [("content-type", media_type.clone()), ("docker-content-digest", digest)];
                    (headers, bytes.clone()).into_response()
                }
                None => refusal(StatusCode::NOT_FOUND, "MANIFEST_UNKNOWN", "manifest unknown"),
            },
        }
    }

    fn put_manifest(&mut self, repository: &str, key: &str, asked: &Asked) -> Response {
        let (project, name) = repository.split_once('/').unwrap_or(("", repository));
        let is_tagged = self.tags.contains_key(&(repository.to_owned(), key.to_owned()));
        if is_tagged && self.is_immutable(project, name, key) {
            let message = format!("Failed to process request due to '{name}:{key}' configured as immutable.");
            return refusal(StatusCode::PRECONDITION_FAILED, "PRECONDITION", &message);
        }
        let document: serde_json::Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let blobs = document["layers"].as_array().into_iter().flatten().chain([&document["config"]]);
        let is_complete = blobs
            .filter_map(|blob| blob["digest"].as_str())
            .all(|digest| self.blobs.contains_key(&(repository.to_owned(), digest.to_owned())));
        if !is_complete {
            return refusal(StatusCode::BAD_REQUEST, "MANIFEST_BLOB_UNKNOWN", "blob unknown to registry");
        }
        let digest = Digest::of(&asked.body).to_string();
        let media_type = asked.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        self.manifests.insert((repository.to_owned(), digest.clone()), (media_type.to_owned(), asked.body.clone()));
        self.tags.insert((repository.to_owned(), key.to_owned()), digest);
        StatusCode::CREATED.into_response()
    }

    fn open_upload(&mut self, repository: &str, asked: &Asked) -> Response {
        let mount = asked.query("mount").pop().zip(asked.query("from").pop());
        if let Some((digest, source)) = mount {
            let kept = self.blobs.get(&(source.clone(), digest.clone())).cloned();
            let may = self.login == Login::Basic || self.token_grants(asked, &source, "pull");
            if let (true, true, Some(bytes)) = (self.mounts, may, kept) {
                self.blobs.insert((repository.to_owned(), digest), bytes);
                return StatusCode::CREATED.into_response();
            }
        }
        let number = self.number();
        self.uploads.insert(number, repository.to_owned());
        let host = self.upload_host.clone().map_or_else(String::new, |host| format!("http://{host}"));
        let location = format!("{host}/v2/{repository}/blobs/uploads/{number}?_state=x");
        (StatusCode::ACCEPTED, [(LOCATION, location)]).into_response()
    }

    fn end_upload(&mut self, number: u64, asked: &Asked) -> Response {
        let Some(repository) = self.uploads.remove(&number) else {
            return refusal(StatusCode::NOT_FOUND, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry");
        };
        if asked.method == Method::DELETE {
            self.cancelled_uploads += 1;
            return StatusCode::NO_CONTENT.into_response();
        }
        let digest = Digest::of(&asked.body).to_string();
        if asked.query("digest").pop().as_ref() != Some(&digest) {
            return refusal(StatusCode::BAD_REQUEST, "DIGEST_INVALID", "provided digest did not match");
        }
        self.blobs.insert((repository, digest), asked.body.clone());
        StatusCode::CREATED.into_response()
    }
}
