//! Replicate: predictions of official and community models, files, and signed webhooks.
//!
//! Shapes follow the vendor's published OpenAPI description 1.0.0-a1 and the models' own schemas. `Prefer: wait` is
//! ignored, as the vendor may do.

mod error;
mod files;
mod input;
mod models;
mod output;
mod predictions;

pub(super) use predictions::tells;

use crate::{
    WEBHOOK_SECRET,
    endpoint::{self, Call, Endpoint},
    fault::Scope,
    form::Content,
    job::Job,
    protocol::{Body, with_fallbacks},
    reply::Reply,
    service::Service,
    trouble::Trouble,
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use serde_json::json;
use std::sync::Arc;

pub(super) fn routes() -> Router<Arc<Service>> {
    let router = Router::new()
        .route("/models/{owner}/{name}/predictions", post(create_official))
        .route("/predictions", endpoint::post(predictions::Create { slug: None }))
        .route("/predictions/{id}", get(look))
        .route("/predictions/{id}/cancel", post(cancel))
        .route("/files", endpoint::post(files::Upload))
        .route("/files/{id}", get(file).delete(forget_file))
        .route("/webhooks/default/secret", get(secret));
    with_fallbacks(router, error::error)
}

async fn create_official(
    service: State<Arc<Service>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let slug = format!("{owner}/{name}");
    endpoint::serve(service, &predictions::Create { slug: Some(&slug) }, &headers, body).await
}

async fn look(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &predictions::Existing { id: &id, change: Job::step }, &headers, body).await
}

async fn cancel(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &predictions::Existing { id: &id, change: Job::cancel }, &headers, body).await
}

async fn file(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &files::Look { id: &id, forgets: false }, &headers, body).await
}

async fn forget_file(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &files::Look { id: &id, forgets: true }, &headers, body).await
}

async fn secret(service: State<Arc<Service>>, headers: HeaderMap, body: Body) -> Response {
    endpoint::serve(service, &Secret, &headers, body).await
}

/// `GET /webhooks/default/secret`.
struct Secret;

impl Endpoint for Secret {
    type Order = ();
    const SCOPE: Scope = Scope::Look;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, _: Content) -> Result<(), Trouble> {
        Ok(())
    }

    async fn answer(&self, _: &mut Call<()>) -> Reply {
        Reply::json(StatusCode::OK, &json!({"key": WEBHOOK_SECRET}))
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// `Bearer`, or `Token` as it was before.
fn admit(headers: &HeaderMap) -> Result<(), Trouble> {
    let value = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("Token ")) {
        Some(key) if !key.trim().is_empty() => Ok(()),
        _ => Err(Trouble::NoKey),
    }
}
