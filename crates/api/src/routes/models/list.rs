//! `GET /models`

use crate::{
    error::ApiError,
    openapi::Operation,
    query::QueryFields,
    wire::{
        List,
        model::{self, ModelBody},
    },
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::{catalog::Category, params::FieldError};
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) async fn list(
    State(app): State<App>,
    mut query: QueryFields,
) -> Result<impl IntoResponse, ApiError> {
    let category = query.one_of("category", &Category::ALL, Category::name);
    let provider = query.text("provider");
    let known: BTreeSet<&str> = app.catalog().models().iter().map(|model| model.vendor.as_str()).collect();
    if provider.as_ref().is_some_and(|provider| !known.contains(provider.as_str())) {
        query.refuse(FieldError::new("provider", "is none of what there is").allowing(known));
    }
    query.finish()?;
    let chosen = app.catalog().models().iter().filter(|model| {
        category.is_none_or(|category| category == model.category)
            && provider.as_ref().is_none_or(|provider| *provider == model.vendor)
    });
    let bodies = chosen.map(|model| ModelBody::of(&app, model)).collect();
    Ok(Json(List::whole(bodies)).into_response())
}

pub(crate) fn operation() -> Operation {
    Operation::new("List the models")
        .query(
            "category",
            "Only of this category.",
            json!({ "type": "string", "enum": Category::ALL.map(Category::name) }),
        )
        .query("provider", "Only of this vendor.", json!({ "type": "string" }))
        .answers_list::<ModelBody<'_>>("The models.", model::example())
        .refuses(&["validation_error"])
}
