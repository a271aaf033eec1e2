//! `POST /models/{slug}/calculate-price`

use crate::{
    error::ApiError,
    extract::{JsonObject, PathName},
    openapi::Operation,
};
use app::App;
use axum::{Json, extract::State};
use domain::{params::FieldError, pricing::Quote};
use serde_json::{Map, Value, json};

pub(crate) async fn calculate_price(
    State(app): State<App>,
    PathName(slug): PathName,
    JsonObject(mut body): JsonObject,
) -> Result<Json<Quote>, ApiError> {
    app.model(&slug)?;
    let mut errors = Vec::new();
    let params = match body.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            errors.push(FieldError::new("params", "must be an object"));
            Map::new()
        }
    };
    let count = match body.remove("count") {
        None | Some(Value::Null) => 1,
        // What is no whole number is out of range too, and is refused as such.
        Some(count) => count.as_i64().unwrap_or(0),
    };
    let unknown = body.keys().map(|name| FieldError::new(name, "is not known").allowing(["params", "count"]));
    errors.extend(unknown);
    match app.quote(&slug, params, count) {
        Ok(quote) if errors.is_empty() => Ok(Json(quote)),
        Ok(_) => Err(ApiError::validation(errors)),
        Err(app::Error::Validation(wrong)) => {
            errors.extend(wrong);
            Err(ApiError::validation(errors))
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn operation() -> Operation {
    let integer = json!({ "type": "integer", "minimum": 0 });
    Operation::new("Ask what a generation will cost")
        .about("By the function that decides what is charged. What a generation is about (`prompt`, `image_url`, …) is not needed.")
        .json_body(
            json!({ "type": "object", "additionalProperties": false, "properties": {
                "params": { "type": ["object", "null"] },
                "count": { "type": ["integer", "null"], "minimum": 1, "maximum": 100, "default": 1 },
            }}),
            json!({ "params": { "quality": "hd", "size": "1792x1024" }, "count": 1 }),
        )
        .answers_json(
            200,
            "The price of `count` generations, and the least and the most that one can cost, in NeuralBox tokens.",
            json!({ "type": "object", "required": ["token_cost", "min_token_cost", "max_token_cost", "pricing_type"], "properties": {
                "token_cost": integer, "min_token_cost": integer, "max_token_cost": integer,
                "pricing_type": { "type": "string", "enum": ["fixed", "matrix", "per_second", "per_point"] },
            }}),
            json!({ "token_cost": 13, "min_token_cost": 5, "max_token_cost": 13, "pricing_type": "matrix" }),
        )
}
