//! `GET /user/history`

use crate::{
    error::ApiError,
    extract::AnyPlan,
    openapi::Operation,
    query::{Page, QueryFields},
    wire::generation::{self, GenerationBody},
};
use app::{App, GenerationStatus, HistoryFilter, HistoryRequest, MAX_HISTORY_DEPTH};
use axum::{Json, extract::State, response::IntoResponse};
use domain::{
    catalog::Category,
    id::{GenerationId, MAX_ID},
    params::FieldError,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

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
    query: QueryFields,
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
fn read(mut query: QueryFields) -> Result<(HistoryRequest, u64), ApiError> {
    let category = query.one_of("type", &Category::ALL, Category::name);
    let status = query.one_of("status", &GenerationStatus::ALL, GenerationStatus::name);
    let model_slug = query.text("model");
    // Models come and go, but what they made stays: any name will do.
    if model_slug.as_ref().is_some_and(|slug| !slug.bytes().all(|byte| byte.is_ascii_graphic())) {
        query.refuse(FieldError::new("model", "must be the slug of a model"));
    }
    let before = query.text("before").and_then(|text| {
        let id = text.parse().ok().filter(|id| (1..=MAX_ID).contains(id));
        if id.is_none() {
            query.refuse(FieldError::new("before", "must be the id of a generation"));
        }
        id.map(GenerationId)
    });
    let page = Page::read(&mut query, MAX_HISTORY_DEPTH);
    query.finish()?;
    let filter = HistoryFilter { category, model_slug, status };
    Ok((HistoryRequest { filter, before, offset: page.offset(), limit: page.limit }, page.page))
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
        .query("limit", "Generations on a page.", number(Page::MAX_LIMIT, Page::DEFAULT_LIMIT))
        .query("before", "Only what was begun before this generation.", json!({ "type": "integer", "minimum": 1 }))
        .answers::<HistoryBody>(
            200,
            "A page of them.",
            json!({ "items": [generation::example()], "total": 1, "page": 1, "limit": 20, "pages": 1 }),
        )
        .refuses(&["validation_error"])
}
