//! `GET /user/history`

use crate::{
    error::ApiError,
    extract::{AnyPlan, QueryOf},
    openapi::Operation,
    wire::generation::{self, GenerationBody},
};
use app::{App, GenerationStatus, HistoryFilter, HistoryRequest, MAX_HISTORY_DEPTH};
use axum::{Json, extract::State, response::IntoResponse};
use domain::{
    catalog::Category,
    id::{GenerationId, MAX_ID},
    params::FieldError,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::ops::RangeInclusive;
use utoipa::ToSchema;

const MAX_LIMIT: u64 = 100;
const DEFAULT_LIMIT: u64 = 20;

/// Everything as text, so that each wrong value can be named.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HistoryQuery {
    r#type: Option<String>,
    model: Option<String>,
    status: Option<String>,
    page: Option<String>,
    limit: Option<String>,
    before: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = History)]
struct HistoryBody {
    items: Vec<GenerationBody>,
    /// 10,000 at most.
    total: u64,
    /// Whether there are more than `total`; there if so.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    total_capped: bool,
    page: u64,
    limit: u64,
    pages: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

pub(crate) async fn list(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    QueryOf(query): QueryOf<HistoryQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let (request, page) = read(query)?;
    let limit = request.limit;
    let found = app.history(&caller, request).await?;
    Ok(Json(HistoryBody {
        items: found.generations.into_iter().map(GenerationBody::from).collect(),
        total: found.total,
        total_capped: found.is_capped,
        page,
        limit,
        pages: found.total.div_ceil(limit),
    }))
}

/// What is asked for, and which page that is.
fn read(query: HistoryQuery) -> Result<(HistoryRequest, u64), ApiError> {
    let mut errors = Vec::new();
    let category = one_of(&mut errors, "type", query.r#type, &Category::ALL, Category::name);
    let status = one_of(&mut errors, "status", query.status, &GenerationStatus::ALL, GenerationStatus::name);
    // Models come and go, but what they made stays: any name will do.
    if query.model.as_ref().is_some_and(|slug| !slug.bytes().all(|byte| byte.is_ascii_graphic())) {
        errors.push(FieldError::new("model", "must be the slug of a model"));
    }
    let before = query.before.and_then(|text| {
        let id = text.parse().ok().filter(|id| (1..=MAX_ID).contains(id));
        if id.is_none() {
            errors.push(FieldError::new("before", "must be the id of a generation"));
        }
        id.map(GenerationId)
    });
    let limit = whole(&mut errors, "limit", query.limit, DEFAULT_LIMIT, 1..=MAX_LIMIT);
    let page = whole(&mut errors, "page", query.page, 1, 1..=MAX_HISTORY_DEPTH / limit);
    if !errors.is_empty() {
        return Err(ApiError::validation(errors));
    }
    let filter = HistoryFilter { category, model_slug: query.model, status };
    Ok((HistoryRequest { filter, before, offset: (page - 1) * limit, limit }, page))
}

fn one_of<T: Copy>(
    errors: &mut Vec<FieldError>,
    field: &str,
    text: Option<String>,
    all: &[T],
    name: fn(T) -> &'static str,
) -> Option<T> {
    let text = text?;
    let found = all.iter().copied().find(|value| name(*value) == text);
    if found.is_none() {
        let error = FieldError::new(field, "is none of what there is");
        errors.push(error.allowing(all.iter().map(|value| name(*value))));
    }
    found
}

/// A whole number in its range, or `default`, which is also what stands for a wrong one.
fn whole(
    errors: &mut Vec<FieldError>,
    field: &str,
    text: Option<String>,
    default: u64,
    range: RangeInclusive<u64>,
) -> u64 {
    let Some(text) = text else { return default };
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.unwrap_or_else(|| {
        let error = FieldError::new(field, "must lie in its range");
        errors.push(error.allowing([format!("{}..{}", range.start(), range.end())]));
        default
    })
}

pub(crate) fn operation() -> Operation {
    let names = |names: &[&'static str]| json!({ "type": "string", "enum": names });
    let number = |maximum: u64, default: u64| json!({ "type": "integer", "minimum": 1, "maximum": maximum, "default": default });
    Operation::new("List what was generated")
        .about(
            "The newest first. `total` stops at 10,000, and so do pages: what is older is reached by `before`. \
             What is kept no longer says `pruned` in its metadata.",
        )
        .query("type", "What was made.", names(&Category::ALL.map(Category::name)))
        .query("model", "By which model.", json!({ "type": "string" }))
        .query("status", "What became of it.", names(&GenerationStatus::ALL.map(GenerationStatus::name)))
        .query("page", "Which page.", number(MAX_HISTORY_DEPTH, 1))
        .query("limit", "Generations on a page.", number(MAX_LIMIT, DEFAULT_LIMIT))
        .query("before", "Only what was begun before this generation.", json!({ "type": "integer", "minimum": 1 }))
        .answers::<HistoryBody>(
            200,
            "A page of them.",
            json!({ "items": [generation::example()], "total": 1, "page": 1, "limit": 20, "pages": 1 }),
        )
        .refuses(&["validation_error"])
}
