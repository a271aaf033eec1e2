//! `GET /models`

use crate::{
    error::ApiError,
    extract::QueryOf,
    openapi::Operation,
    wire::{
        List,
        model::{self, ModelBody},
    },
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::{catalog::Category, params::FieldError};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    category: Option<String>,
    provider: Option<String>,
}

pub(crate) async fn list(
    State(app): State<App>,
    QueryOf(filter): QueryOf<Filter>,
) -> Result<impl IntoResponse, ApiError> {
    let categories: BTreeSet<&str> = Category::ALL.map(Category::name).into();
    let providers: BTreeSet<&str> =
        app.catalog().models().iter().map(|model| model.vendor.as_str()).collect();
    let wrong = [("category", &filter.category, categories), ("provider", &filter.provider, providers)];
    let errors: Vec<FieldError> = wrong
        .into_iter()
        .filter(|(_, given, known)| given.as_ref().is_some_and(|given| !known.contains(given.as_str())))
        .map(|(field, _, known)| FieldError::new(field, "is not known").allowing(known))
        .collect();
    if !errors.is_empty() {
        return Err(ApiError::validation(errors));
    }
    let fits = |filter: &Option<String>, value: &str| filter.as_ref().is_none_or(|filter| filter == value);
    let models = app.catalog().models().iter();
    let chosen = models.filter(|model| {
        fits(&filter.category, model.category.name()) && fits(&filter.provider, &model.vendor)
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
