//! `POST /models/{slug}/calculate-price`

use crate::{
    error::ApiError,
    extract::{JsonObject, PathName},
};
use app::App;
use axum::{Json, extract::State};
use domain::{params::FieldError, pricing::Quote};
use serde_json::{Map, Value};

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
