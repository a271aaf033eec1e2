//! `/_control`: faults where there is no prompt to put them in, and counts for tests to look at.

use crate::{
    fault::{Fault, MAX_DELAY_MS, parse_delay},
    service::{Pending, Queue, Service},
};
use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, routing::get};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::Arc;

const MAX_TIMES: u32 = 1_000;

type Services = Arc<[Arc<Service>]>;

/// `GET` shows, `POST` sets.
pub(crate) fn routes(services: Vec<Arc<Service>>) -> Router {
    Router::new().route("/_control", get(show).post(set)).with_state(Services::from(services))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Command {
    service: String,
    fault: String,
    #[serde(default = "once")]
    times: u32,
}

const fn once() -> u32 {
    1
}

async fn show(State(services): State<Services>) -> Json<Value> {
    let all = services.iter().map(|service| {
        let shown = json!({"requests": service.requests(), "pending": service.queue(|queue| shown(queue))});
        (service.name.to_owned(), shown)
    });
    Json(Value::Object(all.collect::<Map<_, _>>()))
}

async fn set(State(services): State<Services>, body: Bytes) -> (StatusCode, Json<Value>) {
    let outcome = serde_json::from_slice(&body)
        .map_err(|error| error.to_string())
        .and_then(|command| obey(&services, &command));
    match outcome {
        Ok(set) => (StatusCode::OK, Json(set)),
        Err(message) => (StatusCode::UNPROCESSABLE_ENTITY, Json(refusal(&services, &message))),
    }
}

fn obey(services: &[Arc<Service>], command: &Command) -> Result<Value, String> {
    let service = services
        .iter()
        .find(|service| service.name == command.service)
        .ok_or_else(|| format!("there is no service `{}`", command.service))?;
    let times = command.times;
    if !(1..=MAX_TIMES).contains(&times) {
        return Err(format!("times is {times}"));
    }
    let change: Box<dyn FnOnce(&mut Queue)> = if command.fault == "none" {
        Box::new(|queue| *queue = Queue::default())
    } else if let Some(fault) = Fault::parse(&command.fault) {
        Box::new(move |queue| queue.fault = Some(Pending { what: fault, times }))
    } else if let Some(delay) = command.fault.strip_prefix("delay:").and_then(parse_delay) {
        Box::new(move |queue| queue.delay = Some(Pending { what: delay, times }))
    } else {
        return Err(format!("there is no fault `{}`", command.fault));
    };
    let pending = service.queue(|queue| {
        change(queue);
        shown(queue)
    });
    Ok(json!({"service": service.name, "pending": pending}))
}

fn shown(queue: &Queue) -> Vec<Value> {
    let fault = queue.fault.map(|fault| json!({"fault": fault.what.name(), "times": fault.times}));
    let delay = queue
        .delay
        .map(|delay| json!({"fault": format!("delay:{}", delay.what.as_millis()), "times": delay.times}));
    fault.into_iter().chain(delay).collect()
}

fn refusal(services: &[Arc<Service>], message: &str) -> Value {
    let mut faults: Vec<String> = Fault::NAMES.iter().map(|(name, _)| (*name).to_owned()).collect();
    faults.push(format!("delay:0..{MAX_DELAY_MS}"));
    faults.push("none".to_owned());
    let services: Vec<&str> = services.iter().map(|service| service.name).collect();
    json!({
        "error": message,
        "allowed": {"service": services, "fault": faults, "times": format!("1..{MAX_TIMES}")},
    })
}
