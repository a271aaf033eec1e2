//! `GET /openapi.json`, `GET /docs`: the API described, for programs and for people. Everything comes from here.

use crate::{
    error::ApiError,
    extract::PathName,
    openapi::{self, Operation},
};
use app::App;
use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Redirect},
};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa_swagger_ui::Config;

pub(crate) async fn document(State(app): State<App>) -> Json<Value> {
    Json(openapi::document(app.catalog()))
}

/// The page's files name each other relatively, so its address ends in a slash.
pub(crate) async fn index() -> Redirect {
    Redirect::permanent("/docs/")
}

pub(crate) async fn page() -> Result<impl IntoResponse, ApiError> {
    file("")
}

pub(crate) async fn show(PathName(name): PathName) -> Result<impl IntoResponse, ApiError> {
    file(&name)
}

fn file(name: &str) -> Result<impl IntoResponse + use<>, ApiError> {
    let config = Arc::new(Config::from("/openapi.json"));
    match utoipa_swagger_ui::serve(name, config) {
        Ok(Some(file)) => Ok(([(header::CONTENT_TYPE, file.content_type)], file.bytes.into_owned())),
        Ok(None) => Err(ApiError::not_found("page")),
        Err(error) => Err(app::Error::Internal(error.to_string()).into()),
    }
}

pub(crate) fn document_operation() -> Operation {
    Operation::new("This document").answers_json(
        200,
        "OpenAPI 3.1.",
        json!({ "type": "object", "required": ["openapi", "info", "paths"] }),
        json!({ "openapi": "3.1.0", "info": { "title": "NeuralBox", "version": "0.1.0" }, "paths": {} }),
    )
}

pub(crate) fn index_operation() -> Operation {
    Operation::new("The way to the interactive page").answers_nothing(308, "It lies at `/docs/`.")
}

pub(crate) fn page_operation() -> Operation {
    Operation::new("This document as an interactive page").answers_media(200, "The page.", "text/html", None)
}

pub(crate) fn show_operation() -> Operation {
    Operation::new("A file of the interactive page").answers_media(200, "The file.", "*/*", None)
}
