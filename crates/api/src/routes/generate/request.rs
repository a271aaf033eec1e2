//! The body of a generation's request.

use crate::error::ApiError;
use app::GenerateRequest;
use domain::params::FieldError;
use serde_json::{Map, Value};

/// Reads the body: `model`, and parameters, which may stand at the top level or under `params`. Whether a
/// parameter is one of the model's is for the model to say.
pub(super) fn read(mut body: Map<String, Value>) -> Result<GenerateRequest, ApiError> {
    let mut errors = Vec::new();
    let model = match body.remove("model") {
        Some(Value::String(model)) if !model.is_empty() => model,
        _ => {
            errors.push(FieldError::new("model", "must be the slug of a model"));
            String::new()
        }
    };
    let mut params = match body.remove("params") {
        None | Some(Value::Null) => Map::new(),
        Some(Value::Object(params)) => params,
        Some(_) => {
            errors.push(FieldError::new("params", "must be an object"));
            Map::new()
        }
    };
    for (name, value) in body {
        match params.get(&name) {
            Some(other) if *other != value => {
                let message = "stands at the top level and under params, with different values";
                errors.push(FieldError::new(name, message));
            }
            _ => {
                params.insert(name, value);
            }
        }
    }
    // Without a model nothing more can be said; with one, it adds what is wrong with its parameters.
    if model.is_empty() {
        Err(ApiError::validation(errors))
    } else {
        Ok(GenerateRequest { errors, ..GenerateRequest::new(model, params) })
    }
}
