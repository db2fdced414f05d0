//! The OpenAPI document: complete, in order, and the one that is served.

use fastbuild::api::openapi_document;
use fastbuild::cause::Cause;
use reqwest::Method;
use serde_json::Value;

use super::app::{App, send};

fn document() -> Value {
    serde_json::to_value(openapi_document()).unwrap()
}

fn operations(document: &Value) -> Vec<(String, String, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    let each = |(path, item): (&String, &'_ Value)| (path.clone(), item.as_object().unwrap().clone());
    let mut found = Vec::new();
    for (path, item) in paths.iter().map(each) {
        for method in item.keys() {
            found.push((path.clone(), method.clone(), &document["paths"][&path][method]));
        }
    }
    found
}

#[test]
fn the_document_is_as_reviewed() {
    insta::assert_json_snapshot!("openapi", document());
}

#[test]
fn tags_are_in_alphabetical_order_and_every_route_has_one() {
    let document = document();
    let tags: Vec<_> = document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut sorted = tags.clone();
    sorted.sort_unstable();
    assert_eq!(tags, sorted);
    for (path, method, operation) in operations(&document) {
        let tag = operation["tags"][0].as_str().unwrap();
        assert!(tags.contains(&tag), "{method} {path}: {tag}");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{method} {path}");
    }
}

#[test]
fn operation_ids_are_unique() {
    let document = document();
    let mut ids: Vec<_> = operations(&document).iter().map(|(_, _, it)| it["operationId"].to_string()).collect();
    let total = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), total);
}

#[test]
fn every_route_with_input_documents_its_422() {
    let document = document();
    for (path, method, operation) in operations(&document) {
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let has_query = parameters.iter().any(|parameter| parameter["in"] == "query");
        let has_body = !operation["requestBody"].is_null();
        assert_eq!(has_query || has_body, !operation["responses"]["422"].is_null(), "{method} {path}");
        if has_query || has_body {
            let schema = &operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/HTTPValidationError", "{method} {path}");
        }
    }
}

#[test]
fn data_of_every_envelope_may_be_null() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let mut envelopes = 0;
    for (name, schema) in schemas.iter().filter(|(name, _)| name.starts_with("Envelope")) {
        let alternatives = schema["properties"]["data"]["anyOf"].as_array().unwrap();
        assert!(alternatives.contains(&serde_json::json!({"type": "null"})), "{name}");
        assert_eq!(schema["required"], serde_json::json!(["code", "msg", "data"]), "{name}");
        envelopes += 1;
    }
    assert!(envelopes > 20);
}

#[test]
fn cause_codes_are_listed() {
    let document = document();
    let codes = document["components"]["schemas"]["Cause"]["oneOf"].as_array().map_or_else(
        || document["components"]["schemas"]["Cause"]["enum"].as_array().unwrap().clone(),
        |variants| variants.iter().map(|variant| variant["enum"][0].clone()).collect(),
    );
    let expected: Vec<Value> = Cause::ALL.iter().map(|cause| cause.code().into()).collect();
    assert_eq!(codes, expected);
}

#[test]
fn every_reference_leads_somewhere() {
    fn walk(value: &Value, document: &Value) {
        match value {
            Value::Object(object) => {
                if let Some(reference) = object.get("$ref").and_then(Value::as_str) {
                    let pointer = reference.strip_prefix('#').unwrap();
                    assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
                }
                object.values().for_each(|value| walk(value, document));
            }
            Value::Array(list) => list.iter().for_each(|value| walk(value, document)),
            _ => {}
        }
    }
    let document = document();
    walk(&document, &document);
}

#[tokio::test]
async fn document_and_swagger_ui_are_served() {
    let app = App::start().await;
    let served = send(app.request(Method::GET, "/openapi.json")).await;
    assert_eq!((served.status, served.json), (200, document()));
    let redirected = send(app.request(Method::GET, "/docs")).await;
    assert_eq!((redirected.status, redirected.header("location")), (303, "/docs/"));
    let page = send(app.request(Method::GET, "/docs/")).await;
    assert_eq!(page.status, 200);
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    assert!(!page.text.contains("https://"), "nothing is fetched from elsewhere");
    let script = send(app.request(Method::GET, "/docs/swagger-ui-bundle.js")).await;
    assert_eq!(script.status, 200);
    app.stop().await;
}

#[tokio::test]
async fn every_documented_route_is_there() {
    let app = App::start().await;
    for (path, method, _) in operations(&document()) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let path = path.replace("{work_dir_name}", "a").replace("{file_name}", "build.log");
        let answer = send(app.request(method.clone(), &path)).await;
        assert_ne!(answer.status, 405, "{method} {path}");
        assert!(answer.status != 404 || path.starts_with("/task/"), "{method} {path}");
        assert!(answer.status < 500, "{method} {path}: {}", answer.text);
    }
    app.stop().await;
}
