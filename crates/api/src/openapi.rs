//! The OpenAPI document (3.1): what the rows of [`ROUTES`] say of themselves, put together with what holds for all of them.

mod errors;
mod operation;
mod schema;

pub(crate) use operation::{EVENTS, Operation, list};
pub(crate) use schema::{Id, Time};

use crate::{
    route::{Access, Limit, Route},
    router::ROUTES,
};
use domain::catalog::Catalog;
use errors::Refusals;
use serde_json::{Map, Value, json};

const ABOUT: &str = "One API to many AI models, billed in NeuralBox tokens. Ask what a generation will cost \
                     (`calculate-price`), send it, and pay exactly that; one that fails costs nothing. Lists are \
                     `{\"items\": […], \"total\": n}`; unknown fields of a request are refused; fields may be added to answers.";

/// The document of an API over that catalog.
pub fn document(catalog: &Catalog) -> Value {
    let mut schemas = common_schemas(catalog);
    let mut paths: Map<String, Value> = Map::new();
    let mut refusals = Refusals::default();
    for route in &ROUTES {
        let mut operation = with_common(route, (route.operation)());
        for (name, schema) in operation.take_schemas() {
            schemas.entry(name).or_insert_with(|| json!(schema));
        }
        let is_openai = route.path.starts_with("/v1/");
        let mut body = operation.to_json(|codes| refusals.refer(codes, is_openai));
        body.insert("operationId".to_owned(), json!(operation_id(route)));
        body.insert("tags".to_owned(), json!([tag(route.path)]));
        let security = if route.access == Access::Public { json!([]) } else { json!([{ "bearer": [] }]) };
        body.insert("security".to_owned(), security);
        let path = paths.entry(route.path.replace("{*", "{")).or_insert_with(|| json!({}));
        path[route.method.to_ascii_lowercase()] = Value::Object(body);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "NeuralBox", "version": env!("CARGO_PKG_VERSION"), "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": refusals.into_answers(),
            "examples": errors::examples(),
            "headers": { "X-Request-Id": {
                "description": "The request's name: the client's own when it sent a sane one.", "schema": { "type": "string" },
            }},
            "securitySchemes": { "bearer": {
                "type": "http", "scheme": "bearer", "description": "An API key (`nb_…`), or the access token of a sign-in.",
            }},
        },
    })
}

/// Adds what follows from the route's row.
fn with_common(route: &Route, mut operation: Operation) -> Operation {
    for name in parameter_names(route.path) {
        let (schema, about) = match name {
            "id" | "delivery_id" => (operation.schema::<Id>(), "Its id."),
            "slug" => (json!({ "type": "string" }), "Its slug."),
            _ => (json!({ "type": "string" }), "Its name."),
        };
        operation = operation.path(name, about, schema).refuses(&["not_found"]);
    }
    operation = match route.access {
        Access::Public => operation,
        Access::Key => operation.refuses(&["not_authenticated", "token_expired", "insufficient_plan"]),
        Access::AnyPlanKey => operation.refuses(&["not_authenticated", "token_expired"]),
    };
    if route.takes_no_query() {
        operation = operation.refuses(&["validation_error"]);
    }
    if route.limit != Limit::None {
        operation = operation.refuses(&["rate_limit_exceeded"]);
    }
    if route.reaches_vendor {
        operation = operation.refuses(&[
            "insufficient_tokens",
            "insufficient_plan",
            "not_found",
            "canceled",
            "content_refused",
            "rate_limit_exceeded",
            "provider_error",
            "model_unavailable",
        ]);
    }
    operation.refuses(&["internal_error", "overloaded"])
}

fn parameter_names(path: &str) -> impl Iterator<Item = &str> {
    path.split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| name.trim_start_matches('*'))
}

/// A name for generated clients: the method, and the path without its prefix and its parameters' braces.
fn operation_id(route: &Route) -> String {
    let path = route.path.strip_prefix("/api/v2").unwrap_or(route.path);
    let words = path.split(['/', '-', '.']).filter(|word| !word.is_empty());
    let words = words.map(|word| word.trim_matches(['{', '}', '*']));
    // What ends in a slash is another path than what does not.
    let words = words.chain(path.ends_with('/').then_some("index"));
    std::iter::once(route.method.to_ascii_lowercase().as_str()).chain(words).collect::<Vec<_>>().join("_")
}

fn tag(path: &str) -> &str {
    match path.strip_prefix("/api/v2/") {
        Some(rest) => rest.split('/').next().unwrap_or(rest),
        None if path.starts_with("/v1/") => "openai",
        None => "operations",
    }
}

fn common_schemas(catalog: &Catalog) -> Map<String, Value> {
    let error = json!({
        "type": "object", "required": ["error", "message", "details"], "additionalProperties": false,
        "properties": {
            "error": { "type": "string", "description": "The code, for programs." },
            "message": { "type": "string", "description": "For people." },
            "details": { "type": "object", "properties": {
                "fields": { "type": "array", "items": { "$ref": "#/components/schemas/FieldError" } },
                "generation_id": { "$ref": "#/components/schemas/Id" },
            }},
        },
    });
    let field = json!({
        "type": "object", "required": ["field", "message"], "properties": {
            "field": { "type": "string" }, "message": { "type": "string" },
            "allowed": { "type": "array", "items": { "type": "string" } },
        },
    });
    let openai_error = json!({
        "type": "object", "required": ["error"], "properties": { "error": {
            "type": "object", "required": ["message", "type", "param", "code"], "properties": {
                "message": { "type": "string" }, "type": { "type": "string" },
                "param": { "type": ["string", "null"] }, "code": { "type": "string" },
            },
        }},
    });
    let schemas = [
        ("Error", error),
        ("FieldError", field),
        ("OpenAiError", openai_error),
        ("GenerateRequest", schema::generate_request(catalog)),
        ("Messages", schema::messages()),
    ];
    schemas.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect()
}
