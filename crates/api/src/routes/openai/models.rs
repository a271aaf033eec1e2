//! `GET /v1/models`, `GET /v1/models/{slug}`: what this face serves, of what can be used now.

use crate::{
    error::ApiError,
    extract::{Authenticated, PathName},
    openapi::Operation,
};
use app::App;
use axum::{Json, extract::State};
use domain::{
    catalog::{Category, Model},
    params::ParamSpec,
};
use serde::Serialize;
use serde_json::{Value, json};

/// The catalog does not keep when a model was added to it, and clients want a number: 2026-11-22, when it was made.
const CREATED_UNIX_S: i64 = 1_795_305_600;

#[derive(Serialize)]
struct ModelList<'a> {
    object: &'static str,
    data: Vec<ModelBody<'a>>,
}

#[derive(Serialize)]
struct ModelBody<'a> {
    id: &'a str,
    object: &'static str,
    created: i64,
    owned_by: &'a str,
}

impl<'a> From<&'a Model> for ModelBody<'a> {
    fn from(model: &'a Model) -> Self {
        Self { id: &model.slug, object: "model", created: CREATED_UNIX_S, owned_by: &model.vendor }
    }
}

pub(crate) async fn list(State(app): State<App>, Authenticated(_): Authenticated) -> Json<Value> {
    let served = app.catalog().models().iter().filter(|model| is_served(&app, model));
    let data = served.map(ModelBody::from).collect();
    Json(json!(ModelList { object: "list", data }))
}

pub(crate) async fn show(
    State(app): State<App>,
    Authenticated(_): Authenticated,
    PathName(slug): PathName,
) -> Result<Json<Value>, ApiError> {
    let model = app.model(&slug)?;
    if !is_served(&app, model) {
        return Err(ApiError::not_found("model"));
    }
    Ok(Json(json!(ModelBody::from(model))))
}

/// Whether one of this face's routes can say all that the model needs, and the model can be used now.
fn is_served(app: &App, model: &Model) -> bool {
    let needs_file =
        model.params.values().any(|spec| matches!(spec, ParamSpec::Url { .. }) && spec.is_required());
    let has_route = match model.category {
        Category::Text | Category::Tts | Category::Stt => true,
        Category::Image => !needs_file,
        Category::Video | Category::Music | Category::Tool => false,
    };
    has_route && app.availability(model).reason().is_none()
}

fn schema() -> Value {
    json!({ "type": "object", "required": ["id", "object", "created", "owned_by"], "properties": {
        "id": { "type": "string" }, "object": { "const": "model" }, "created": { "type": "integer" },
        "owned_by": { "type": "string" },
    }})
}

fn example() -> Value {
    json!({ "id": "gpt-5", "object": "model", "created": CREATED_UNIX_S, "owned_by": "openai" })
}

pub(crate) fn list_operation() -> Operation {
    Operation::new("List the models of this face").answers_json(
        200,
        "Those that can be used here now.",
        json!({ "type": "object", "required": ["object", "data"], "properties": {
            "object": { "const": "list" }, "data": { "type": "array", "items": schema() },
        }}),
        json!({ "object": "list", "data": [example()] }),
    )
}

pub(crate) fn show_operation() -> Operation {
    Operation::new("Show a model of this face").answers_json(200, "The model.", schema(), example())
}
