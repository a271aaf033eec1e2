//! Midjourney through a proxy that speaks the protocol of midjourney-proxy, with the extensions that resellers have.
//!
//! No formal description exists. Refusals come with HTTP 200 and a code inside; an unknown task is an empty body.

mod error;
mod submit;
mod task;

use crate::{
    callback::Callback,
    endpoint::{self, Call, Endpoint},
    fault::Scope,
    form::Content,
    job::{Job, Stage},
    protocol::{Body, with_fallbacks},
    reply::Reply,
    service::Service,
    trouble::Trouble,
    vendor::chat::admit_bearer,
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use serde_json::{Value, json};
use std::sync::Arc;

/// The same routes for each speed.
const PREFIXES: [&str; 4] = ["/mj", "/mj-relax/mj", "/mj-fast/mj", "/mj-turbo/mj"];

pub(super) fn routes() -> Router<Arc<Service>> {
    let router = PREFIXES.iter().fold(Router::new(), |router, prefix| {
        router
            .route(&format!("{prefix}/submit/imagine"), endpoint::post(Submit(submit::imagine)))
            .route(&format!("{prefix}/submit/video"), endpoint::post(Submit(submit::video)))
            .route(&format!("{prefix}/task/{{id}}/fetch"), get(fetch))
            .route(&format!("{prefix}/task/{{id}}/cancel"), post(cancel))
    });
    with_fallbacks(router, error::error)
}

async fn fetch(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &Existing { id: &id, is_cancelled: false }, &headers, body).await
}

async fn cancel(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &Existing { id: &id, is_cancelled: true }, &headers, body).await
}

/// Either header will do.
fn admit(headers: &HeaderMap) -> Result<(), Trouble> {
    match headers.get("mj-api-secret") {
        Some(secret) if !secret.as_bytes().trim_ascii().is_empty() => Ok(()),
        _ => admit_bearer(headers),
    }
}

/// `POST /mj/submit/imagine` and `POST /mj/submit/video`.
#[derive(Clone, Copy)]
struct Submit(fn(&Value) -> Result<submit::Order, Trouble>);

impl Endpoint for Submit {
    type Order = submit::Order;
    const SCOPE: Scope = Scope::Job;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<submit::Order, Trouble> {
        (self.0)(&content.json()?)
    }

    fn words<'a>(&self, order: &'a submit::Order) -> &'a str {
        &order.prompt
    }

    async fn answer(&self, call: &mut Call<submit::Order>) -> Reply {
        let id = task::id(&call.id);
        let fault = call.take_result_fault();
        let output = call.order.makes.output(&call.service, fault);
        let job = Job::new(id.clone(), call.order.request.take(), output, fault);
        call.service.begin(job.with_callback(call.order.notify_hook.take().into()), tells);
        let body = json!({"code": 1, "description": "提交成功", "result": id, "properties": {}});
        Reply::json(StatusCode::OK, &body)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// `GET /mj/task/{id}/fetch` and `POST /mj/task/{id}/cancel`.
struct Existing<'a> {
    id: &'a str,
    is_cancelled: bool,
}

impl Endpoint for Existing<'_> {
    type Order = ();
    const SCOPE: Scope = Scope::Look;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, _: Content) -> Result<(), Trouble> {
        Ok(())
    }

    async fn answer(&self, call: &mut Call<()>) -> Reply {
        let change = if self.is_cancelled { Job::cancel } else { Job::step };
        match call.service.jobs.update(self.id, change) {
            Some(_) if self.is_cancelled => {
                let body = json!({"code": 1, "description": "成功", "result": self.id, "properties": {}});
                Reply::json(StatusCode::OK, &body)
            }
            Some(job) => Reply::json(StatusCode::OK, &task::shown(&job)),
            None if self.is_cancelled => error::no_task(),
            None => Reply::empty(StatusCode::OK),
        }
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// Tells of every change, never again when it does not arrive, and not in good order.
pub(super) fn tells(_: &Arc<Service>, job: &Job) -> Option<Callback> {
    Some(Callback {
        url: job.callback.as_str()?.to_owned(),
        message: Box::new(|job| (job.stage() != Stage::Waiting).then(|| task::shown(job))),
        has_arrived: |_| true,
        pauses_ms: &[],
        secret: None,
        is_untidy: true,
    })
}
