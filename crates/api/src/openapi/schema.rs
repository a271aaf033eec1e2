//! Schemas of what several bodies hold, and of what is known only from the catalog.

use domain::{
    catalog::{Catalog, Category, Model},
    id::MAX_ID,
    params::ParamSpec,
};
use serde_json::{Map, Value, json};
use std::{borrow::Cow, collections::BTreeSet};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, SchemaType, Type},
    },
};

/// An id: the schema of everything in `domain::id`.
pub(crate) struct Id;

impl PartialSchema for Id {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::Integer));
        let object = object.minimum(Some(1)).maximum(Some(MAX_ID));
        object.description(Some("Never used twice in an installation.")).into()
    }
}

impl ToSchema for Id {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Id")
    }
}

/// An instant: the schema of [`domain::time::Timestamp`].
pub(crate) struct Time;

impl PartialSchema for Time {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let object = ObjectBuilder::new().schema_type(SchemaType::new(Type::String)).format(Some(format));
        object.description(Some("RFC 3339, UTC, with `Z`.")).into()
    }
}

impl ToSchema for Time {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("Time")
    }
}

/// The parameters of a body that are no parameters of a model.
fn around_parameters(catalog: &Catalog) -> Map<String, Value> {
    let slugs = slugs(catalog, |model| model.category != Category::Stt);
    let about = "What the model takes; `GET /api/v2/models/{slug}` says what that is. Parameters may also stand beside `model`.";
    let mut properties = Map::new();
    properties.insert("model".to_owned(), json!({ "type": "string", "enum": slugs }));
    properties.insert("params".to_owned(), json!({ "type": "object", "description": about }));
    properties
}

/// The slugs of the models that are `chosen`.
pub(super) fn slugs(catalog: &Catalog, chosen: impl Fn(&Model) -> bool) -> Vec<&str> {
    catalog.models().iter().filter(|model| chosen(model)).map(|model| model.slug.as_str()).collect()
}

/// The body of `POST /generate`: every parameter that one of the models takes, as wide as the widest of them takes it.
pub(super) fn generate_request(catalog: &Catalog) -> Value {
    let mut properties = around_parameters(catalog);
    let models = || catalog.models().iter().filter(|model| model.category != Category::Stt);
    let names: BTreeSet<&str> = models().flat_map(|model| model.params.keys().map(String::as_str)).collect();
    for name in names {
        let specs: Vec<&ParamSpec> = models().filter_map(|model| model.params.get(name)).collect();
        properties.insert(name.to_owned(), parameter(&specs));
    }
    properties.insert(
        "webhook_url".to_owned(),
        json!({ "type": "string", "format": "uri", "description": "Told of this generation's end, signed with the account's secret." }),
    );
    json!({ "type": "object", "required": ["model"], "properties": properties, "additionalProperties": false })
}

/// What any of `specs` takes.
fn parameter(specs: &[&ParamSpec]) -> Value {
    let mut kinds: Vec<Value> = Vec::new();
    let mut add = |kind: Value| {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    };
    let (mut words, mut numbers) = (BTreeSet::<&str>::new(), BTreeSet::<i64>::new());
    for spec in specs {
        match spec {
            ParamSpec::Choice { allowed, .. } => words.extend(allowed.iter().map(String::as_str)),
            ParamSpec::IntegerChoice { allowed, .. } => numbers.extend(allowed),
            ParamSpec::Integer { min, max, .. } => {
                add(json!({ "type": "integer", "minimum": min, "maximum": max }));
            }
            ParamSpec::Decimal { min, max } => {
                add(json!({ "type": "number", "minimum": min.to_json(), "maximum": max.to_json() }));
            }
            ParamSpec::Boolean { .. } => add(json!({ "type": "boolean" })),
            ParamSpec::Text { .. } => add(json!({ "type": "string" })),
            ParamSpec::Url { .. } => add(json!({ "type": "string", "format": "uri" })),
            ParamSpec::Messages { .. } => add(json!({ "$ref": "#/components/schemas/Messages" })),
        }
    }
    if !words.is_empty() {
        kinds.push(json!({ "type": "string", "enum": words }));
    }
    if !numbers.is_empty() {
        kinds.push(json!({ "type": "integer", "enum": numbers }));
    }
    // An explicit null counts as nothing said.
    kinds.push(json!({ "type": "null" }));
    json!({ "anyOf": kinds })
}

/// A conversation, as text models take it.
pub(super) fn messages() -> Value {
    let text = json!({ "type": "object", "required": ["type", "text"], "properties": {
        "type": { "const": "text" }, "text": { "type": "string" },
    }});
    let image = json!({ "type": "object", "required": ["type", "image_url"], "properties": {
        "type": { "const": "image_url" },
        "image_url": { "anyOf": [
            { "type": "string" },
            { "type": "object", "required": ["url"], "properties": { "url": { "type": "string" } } },
        ]},
    }});
    json!({ "type": "array", "minItems": 1, "items": { "type": "object", "required": ["role", "content"], "properties": {
        "role": { "type": "string", "enum": ["system", "user", "assistant"] },
        "content": { "anyOf": [{ "type": "string" }, { "type": "array", "items": { "anyOf": [text, image] } }] },
    }}})
}
