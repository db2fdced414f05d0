//! The OpenAPI document: what stands beside the routes themselves.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::openapi::schema::{AdditionalProperties, AnyOfBuilder, ArrayItems, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{Object, ObjectBuilder, Ref, RefOr, Schema};
use utoipa::{OpenApi, ToSchema};

use super::config::ConfigurationTestError;
use super::router::documented;
use super::validation::HTTPValidationError;
use crate::cause::Cause;
use crate::request::ValidationError;
use crate::task::{StageName, TaskState};

/// The answer to a path or method that is not there.
#[derive(Serialize, ToSchema)]
pub(super) struct Detail {
    /// `Not Found` or `Method Not Allowed`.
    #[schema(example = "Not Found")]
    detail: String,
}

/// Description, tags and shared schemas.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "FastBuild",
        description = "A JSON request becomes a container image: built on a remote Docker daemon, pushed to Harbor, reported \
            by a callback.\n\nEvery answer of the contract is an envelope with HTTP 200: `code` 0 and `data`, or `code` -1 \
            and a `msg` that says what happened, to what, and what to do. `msg` is Chinese, and English on \
            `Accept-Language: en`. A request that does not have the declared form is HTTP 422. A body over its limit is \
            `code` -1. 401, 403 and 429 carry the envelope. Times are ISO 8601 without offset, in the zone of the \
            settings."
    ),
    tags(
        (name = "callback", description = "Callbacks: headers and attempts"),
        (name = "check-result", description = "Inspections of images that are kept"),
        (name = "config", description = "Harbor, Docker server and the one-shot configuration"),
        (name = "data", description = "Greeting only"),
        (name = "file", description = "Mirror files and installers"),
        (name = "hello", description = "Greetings"),
        (name = "host", description = "Where this service is reached"),
        (name = "image", description = "Images of record"),
        (name = "image-life", description = "When images came and went"),
        (name = "progress", description = "Stages of tasks"),
        (name = "service", description = "Health of this service"),
        (name = "system", description = "Housekeeping of the Docker server"),
        (name = "task", description = "Tasks: build requests and what became of them"),
    ),
    components(schemas(Cause, ConfigurationTestError, StageName, TaskState, ValidationError, HTTPValidationError, Detail))
)]
pub(super) struct Foundation;

/// The whole document.
pub fn openapi_document() -> utoipa::openapi::OpenApi {
    let mut document = documented().into_openapi();
    if let Some(components) = &mut document.components {
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer);
        let bearer = bearer.description(Some("A token, where the service asks for one: fastbuild token create."));
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let known = components.schemas.clone();
        for schema in components.schemas.values_mut() {
            if let RefOr::T(Schema::Object(object)) = schema {
                complete_envelope(object, &known);
            }
        }
    }
    // A service on loopback may be open, so none is the other choice.
    let none: [&str; 0] = [];
    document.security = Some(vec![SecurityRequirement::new("bearer", none), SecurityRequirement::default()]);
    document
}

/// `data` of every envelope may be null, which the derive does not say of a generic type, and names its schema instead
/// of repeating it.
fn complete_envelope(object: &mut Object, known: &BTreeMap<String, RefOr<Schema>>) {
    if !object.properties.contains_key("code") || !object.properties.contains_key("msg") {
        return;
    }
    if let Some(data) = object.properties.get_mut("data") {
        let mut inner = std::mem::replace(data, RefOr::T(Schema::default()));
        name(&mut inner, known);
        let null = ObjectBuilder::new().schema_type(Type::Null);
        let nullable = AnyOfBuilder::new().item(inner).item(null);
        *data = nullable.description(Some("The answer; `null` when it was refused or failed.")).into();
    }
}

/// Puts a reference in the place of a schema that is a component.
fn name(schema: &mut RefOr<Schema>, known: &BTreeMap<String, RefOr<Schema>>) {
    if let Some((name, _)) = known.iter().find(|(_, component)| *component == schema) {
        *schema = RefOr::Ref(Ref::from_schema_name(name));
        return;
    }
    match schema {
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                name(items, known);
            }
        }
        RefOr::T(Schema::Object(object)) => {
            if let Some(AdditionalProperties::RefOr(values)) = object.additional_properties.as_deref_mut() {
                name(values, known);
            }
        }
        _ => {}
    }
}

/// The request of the contract, as the example of the routes that take one.
pub(super) fn build_request_example() -> serde_json::Value {
    serde_json::from_str(include_str!("build_request.json")).unwrap_or_default()
}

/// A build request as the document describes it: both shapes, with what pydantic takes for a text or a truth value. It is
/// read in `request`; nothing is ever deserialised into this.
pub(super) struct BuildRequestDocument;

impl utoipa::PartialSchema for BuildRequestDocument {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        let schema = serde_json::from_str(include_str!("build_request.schema.json"));
        schema.unwrap_or_else(|_| utoipa::openapi::Object::new().into())
    }
}

impl ToSchema for BuildRequestDocument {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_describes_both_shapes() {
        let schema = serde_json::to_value(<BuildRequestDocument as utoipa::PartialSchema>::schema()).unwrap();
        let written: serde_json::Value = serde_json::from_str(include_str!("build_request.schema.json")).unwrap();
        assert_eq!(schema["anyOf"][0]["required"], written["anyOf"][0]["required"]);
        assert_eq!(schema["anyOf"][1]["properties"]["force"], written["anyOf"][1]["properties"]["force"]);
    }

    #[test]
    fn the_example_is_a_request() {
        let cipher = crate::secret::PlatformCipher::new(&"c7e71f37dda040fd".into(), "0000000000000000").unwrap();
        let request = crate::request::BuildRequest::parse(build_request_example().to_string().as_bytes(), &cipher);
        assert_eq!(request.unwrap().os_packages.software.len(), 2);
    }
}
