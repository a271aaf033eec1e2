//! `/predictions`: a job of any model.

use super::{
    admit, error, input,
    models::{self, Model},
    output,
};
use crate::{
    WEBHOOK_SECRET,
    callback::Callback,
    endpoint::{Call, Endpoint},
    fault::{Fault, Scope},
    fields::Object,
    form::Content,
    job::{Job, Stage},
    reply::Reply,
    service::Service,
    trouble::{Invalid, Trouble, Why},
    vendor::CREATED_RFC3339,
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};
use std::sync::Arc;

const EVENTS: [&str; 4] = ["start", "output", "logs", "completed"];

/// Starts a prediction, of the model in the path or by a version in the body.
#[derive(Clone, Copy)]
pub(super) struct Create<'a> {
    pub(super) slug: Option<&'a str>,
}

/// A prediction that is asked for.
pub(super) struct Order {
    model: &'static Model,
    input: Value,
    prompt: String,
    webhook: Option<String>,
    events: Vec<String>,
}

impl Endpoint for Create<'_> {
    type Order = Order;
    const SCOPE: Scope = Scope::Job;

    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit(headers)
    }

    fn read(&self, content: Content) -> Result<Order, Trouble> {
        let json = content.json()?;
        let body = Object::at("", &json)?;
        let model = match self.slug {
            Some(slug) => {
                let model = models::by_slug(slug).ok_or_else(|| Trouble::UnknownModel(slug.to_owned()))?;
                Some(model).filter(|model| model.version.is_none())
            }
            None => models::by_version(body.require_text("version")?),
        };
        let model = model.ok_or_else(|| body.wrong("version", Why::ValueNotTaken(String::new())))?;
        body.require("input")?;
        let fields = body.object("input")?.ok_or_else(|| body.wrong("input", Why::Missing))?;
        input::check(model, &fields)?;
        Ok(Order {
            model,
            input: json.get("input").cloned().unwrap_or_default(),
            prompt: fields.text("prompt")?.unwrap_or_default().to_owned(),
            webhook: read_webhook(&body)?,
            events: read_events(&body)?,
        })
    }

    fn words<'a>(&self, order: &'a Order) -> &'a str {
        &order.prompt
    }

    /// Content is refused by a prediction that fails.
    fn trouble(&self, fault: Fault) -> Option<Trouble> {
        fault.trouble().filter(|trouble| !matches!(trouble, Trouble::Refused))
    }

    async fn answer(&self, call: &mut Call<Order>) -> Reply {
        let model = call.order.model;
        let fault = call.take_result_fault();
        let id = format!("sb{}", call.id);
        let request = json!({"model": model.slug, "input": input::shown(&call.order.input)});
        let output = output::of(model, &call.order.input, &call.service, fault);
        let callback = json!({"url": call.order.webhook, "events": call.order.events});
        let job = Job::new(id, request, output, fault).with_callback(callback);
        let shown = prediction(&call.service, &job);
        call.service.begin(job, tells);
        Reply::json(StatusCode::CREATED, &shown)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

fn read_webhook(body: &Object<'_>) -> Result<Option<String>, Invalid> {
    match body.text("webhook")? {
        // The vendor takes https only; in a sandbox there is none.
        Some(url) if !url.starts_with("http://") && !url.starts_with("https://") => {
            Err(body.wrong("webhook", Why::Other("webhook must be a valid HTTPS URL".to_owned())))
        }
        url => Ok(url.map(str::to_owned)),
    }
}

fn read_events(body: &Object<'_>) -> Result<Vec<String>, Invalid> {
    const NAME: &str = "webhook_events_filter";
    if body.get(NAME).is_none() {
        return Ok(EVENTS.map(str::to_owned).to_vec());
    }
    let read = |event: &Value| match event.as_str() {
        Some(event) if EVENTS.contains(&event) => Ok(event.to_owned()),
        _ => Err(body.wrong(NAME, Why::NotOneOf { got: event.to_string(), allowed: &EVENTS })),
    };
    body.require_list(NAME)?.iter().map(read).collect()
}

/// Posts the prediction when it has begun and when it has ended, where the events ask for it.
pub(in crate::vendor) fn tells(service: &Arc<Service>, job: &Job) -> Option<Callback> {
    let events = job.callback.get("events").and_then(Value::as_array);
    let wants = |event: &str| events.is_some_and(|events| events.iter().any(|wanted| wanted == event));
    let (at_start, at_end) = (wants("start"), wants("completed"));
    let service = Arc::clone(service);
    Some(Callback {
        url: job.callback.get("url")?.as_str()?.to_owned(),
        message: Box::new(move |job| {
            let is_wanted = if job.stage().is_end() { at_end } else { at_start };
            is_wanted.then(|| prediction(&service, job))
        }),
        has_arrived: |status| status < 400,
        pauses_ms: &[500, 1_000, 2_000, 4_000],
        secret: Some(WEBHOOK_SECRET),
        is_untidy: false,
    })
}

/// `GET /predictions/{id}` and `POST /predictions/{id}/cancel`.
pub(super) struct Existing<'a> {
    pub(super) id: &'a str,
    /// What becomes of the job.
    pub(super) change: fn(&mut Job) -> Job,
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
        match call.service.jobs.update(self.id, self.change) {
            Some(job) => Reply::json(StatusCode::OK, &prediction(&call.service, &job)),
            None => error::not_found(),
        }
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error::error(trouble, id)
    }
}

/// A job as the vendor shows it.
fn prediction(service: &Service, job: &Job) -> Value {
    let stage = job.stage();
    let (status, error) = match stage {
        Stage::Waiting => ("starting", None),
        Stage::Running { .. } => ("processing", None),
        Stage::Succeeded => ("succeeded", None),
        Stage::Failed => ("failed", Some("CUDA out of memory. (E1001)")),
        Stage::Refused => (
            "failed",
            Some(
                "NSFW content detected: the input or output was flagged as sensitive. Please try again with \
                  different inputs. (E005)",
            ),
        ),
        Stage::Cancelled => ("canceled", None),
    };
    let input = job.request.get("input").cloned().unwrap_or_default();
    let model = job.request.get("model").and_then(Value::as_str).and_then(models::by_slug);
    let url = |path: &str| service.url(&format!("/replicate/v1/predictions/{}{path}", job.id));
    let time = |has_come: bool| has_come.then_some(CREATED_RFC3339);
    json!({
        "id": job.id,
        "model": model.map(|model| model.slug),
        "version": model.map(|model| model.version.unwrap_or("hidden")),
        "input": input,
        "output": if stage == Stage::Succeeded { job.output.clone() } else { Value::Null },
        "error": error,
        "status": status,
        "logs": if stage == Stage::Waiting { "" } else { "Working.\n" },
        "metrics": match (stage, model) {
            (Stage::Succeeded, Some(model)) => output::metrics(model, &input),
            _ => json!({}),
        },
        "created_at": CREATED_RFC3339,
        "started_at": time(stage != Stage::Waiting),
        "completed_at": time(stage.is_end()),
        "data_removed": false,
        "source": "api",
        "urls": {"get": url(""), "cancel": url("/cancel"), "web": url("/web")},
    })
}
