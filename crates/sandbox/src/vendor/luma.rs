//! Luma Dream Machine: pictures and films, as jobs that are looked at or call back.
//!
//! Shapes follow the vendor's published OpenAPI description 1.1.0. Inputs go by URL alone. A callback is not signed.

mod error;
mod request;

use crate::{
    callback::Callback,
    endpoint::{self, Call, Endpoint},
    fault::{Fault, Scope},
    form::Content,
    job::{Job, Stage},
    media::Recipe,
    protocol::{Body, with_fallbacks},
    reply::Reply,
    service::Service,
    trouble::Trouble,
    vendor::{CREATED_RFC3339, chat::admit_bearer},
};
use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use std::sync::Arc;

/// What is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Image,
    Video,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Video => "video",
        }
    }
}

pub(super) fn routes() -> Router<Arc<Service>> {
    let router = Router::new()
        .route("/generations/image", endpoint::post(Create(Kind::Image)))
        .route("/generations/video", endpoint::post(Create(Kind::Video)))
        .route("/generations/{id}", get(look).delete(forget));
    with_fallbacks(router, error::error)
}

async fn look(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &Existing { id: &id, is_forgotten: false }, &headers, body).await
}

async fn forget(
    service: State<Arc<Service>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    endpoint::serve(service, &Existing { id: &id, is_forgotten: true }, &headers, body).await
}

/// `POST /generations/image` and `POST /generations/video`.
#[derive(Clone, Copy)]
struct Create(Kind);

/// A generation that is asked for.
struct Order {
    /// The request, to be repeated.
    request: Value,
    prompt: String,
    recipe: Recipe,
    callback_url: Option<String>,
}

impl Endpoint for Create {
    type Order = Order;
    const SCOPE: Scope = Scope::Job;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        request::read(self.0, content.json()?)
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.prompt
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let id = uuid(&call.id);
        let fault: Option<Fault> = call.take_result_fault();
        let url = call.service.result_url(&call.order.recipe, fault);
        let output = json!({ self.0.name(): url });
        let job = Job::new(id, call.order.request.take(), output, fault);
        let job = job.with_callback(call.order.callback_url.take().into());
        let shown = generation(&job);
        call.service.begin(job, tells);
        Reply::json(StatusCode::CREATED, &shown)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// `GET` and `DELETE /generations/{id}`.
struct Existing<'a> {
    id: &'a str,
    is_forgotten: bool,
}

impl Endpoint for Existing<'_> {
    type Order = ();
    const SCOPE: Scope = Scope::Look;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, _: Content) -> Result<(), Trouble> {
        Ok(())
    }

    async fn answer(&self, call: &mut Call<()>) -> Reply {
        let jobs = &call.service.jobs;
        let job = if self.is_forgotten { jobs.remove(self.id) } else { jobs.update(self.id, Job::step) };
        match job {
            Some(_) if self.is_forgotten => Reply::empty(StatusCode::NO_CONTENT),
            Some(job) => Reply::json(StatusCode::OK, &generation(&job)),
            None => error::not_found(),
        }
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// Tells when a job begins and when it ends; the receiver must answer exactly 200.
pub(super) fn tells(_: &Arc<Service>, job: &Job) -> Option<Callback> {
    Some(Callback {
        url: job.callback.as_str()?.to_owned(),
        message: Box::new(|job| (job.stage() != Stage::Waiting).then(|| generation(job))),
        has_arrived: |status| status == 200,
        pauses_ms: &[100, 100, 100],
        secret: None,
        is_untidy: false,
    })
}

/// The 24 digits of a request as a UUID that looks like a random one.
fn uuid(id: &str) -> String {
    let (head, tail) = id.split_at_checked(12).unwrap_or((id, ""));
    let (first, second) = head.split_at_checked(8).unwrap_or((head, ""));
    format!("{first}-{second}-4000-8000-{tail}")
}

/// A job as the vendor shows it.
fn generation(job: &Job) -> Value {
    let (state, failure_reason) = match job.stage() {
        Stage::Waiting => ("queued", None),
        Stage::Running { .. } => ("dreaming", None),
        Stage::Succeeded => ("completed", None),
        Stage::Failed | Stage::Cancelled => ("failed", Some("The generation failed. Please try again.")),
        Stage::Refused => ("failed", Some(error::MODERATION)),
    };
    json!({
        "id": job.id,
        "generation_type": job.request.get("generation_type"),
        "state": state,
        "failure_reason": failure_reason,
        "created_at": CREATED_RFC3339,
        "model": job.request.get("model"),
        "assets": if job.stage() == Stage::Succeeded { job.output.clone() } else { Value::Null },
        "request": job.request,
    })
}
