//! `/_control`: faults where there is no prompt to put them in, what else a payment service is told from outside, and what
//! tests look at.

use crate::{
    fault::{Fault, MAX_DELAY_MS, parse_delay},
    payment::Payments,
    service::{Pending, Queue, Service},
};
use axum::{Json, Router, body::Bytes, extract::State, http::StatusCode, routing::get};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{collections::BTreeMap, sync::Arc};

const MAX_TIMES: u32 = 1_000;

/// What a command consists of.
const COMMANDS: [&str; 4] = [
    "{service, fault, times?}",
    "{service, notify_url, secret_token?}",
    "{service, action: \"tick\"}",
    "{service, seed, rates: {fault: per thousand}}",
];

/// All that is controlled.
#[derive(Clone)]
struct Controlled {
    vendors: Arc<[Arc<Service>]>,
    payments: Payments,
}

/// `GET` shows, `POST` sets.
pub(crate) fn routes(vendors: Vec<Arc<Service>>, payments: Payments) -> Router {
    Router::new()
        .route("/_control", get(show).post(set))
        .route("/_control/payments", get(books))
        .with_state(Controlled { vendors: vendors.into(), payments })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Strike {
    service: String,
    fault: String,
    #[serde(default = "once")]
    times: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tell {
    service: String,
    /// Empty for nowhere.
    notify_url: String,
    secret_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Act {
    service: String,
    action: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Chance {
    service: String,
    seed: u64,
    rates: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Command {
    Strike(Strike),
    Tell(Tell),
    Act(Act),
    Chance(Chance),
}

impl Command {
    fn service(&self) -> &str {
        match self {
            Self::Strike(Strike { service, .. })
            | Self::Tell(Tell { service, .. })
            | Self::Act(Act { service, .. })
            | Self::Chance(Chance { service, .. }) => service,
        }
    }
}

const fn once() -> u32 {
    1
}

async fn show(State(controlled): State<Controlled>) -> Json<Value> {
    let vendors = controlled.vendors.iter().map(|service| {
        let shown = json!({"requests": service.requests(), "pending": service.queue(|queue| shown(queue))});
        (service.name.to_owned(), shown)
    });
    Json(Value::Object(vendors.chain(controlled.payments.shown()).collect::<Map<_, _>>()))
}

async fn books(State(controlled): State<Controlled>) -> Json<Value> {
    Json(controlled.payments.listed())
}

async fn set(State(controlled): State<Controlled>, body: Bytes) -> (StatusCode, Json<Value>) {
    let Ok(command) = serde_json::from_slice::<Command>(&body) else {
        let message = format!("a command is one of {}", COMMANDS.join(", "));
        return (StatusCode::UNPROCESSABLE_ENTITY, Json(controlled.refusal("", &message)));
    };
    match controlled.obey(&command) {
        Ok(set) => (StatusCode::OK, Json(set)),
        Err(message) => {
            (StatusCode::UNPROCESSABLE_ENTITY, Json(controlled.refusal(command.service(), &message)))
        }
    }
}

impl Controlled {
    fn obey(&self, command: &Command) -> Result<Value, String> {
        let name = command.service();
        if let Command::Strike(Strike { times, .. }) = command
            && !(1..=MAX_TIMES).contains(times)
        {
            return Err(format!("times is {times}"));
        }
        let vendor = self.vendors.iter().find(|service| service.name == name);
        let till = self.payments.till(name);
        match (command, vendor, till) {
            (Command::Strike(Strike { fault, times, .. }), Some(vendor), _) => strike(vendor, fault, *times),
            (Command::Strike(Strike { fault, times, .. }), None, Some(till)) => till.set_fault(fault, *times),
            (Command::Tell(Tell { notify_url, secret_token, .. }), None, Some(till)) => {
                till.set_target(notify_url, secret_token.as_deref())
            }
            (Command::Chance(Chance { seed, rates, .. }), None, Some(till)) => till.set_rates(*seed, rates),
            (Command::Act(Act { action, .. }), None, Some(_)) if action == "tick" => {
                self.payments.tick();
                Ok(json!({"service": name, "action": action}))
            }
            (Command::Act(Act { action, .. }), None, Some(_)) => {
                Err(format!("there is no action `{action}`"))
            }
            (_, None, None) => Err(format!("there is no service `{name}`")),
            (_, Some(_), _) => Err(format!("`{name}` is a vendor, and takes faults only")),
        }
    }

    /// Says what is wrong, and what the service takes; when there is no such service, what any takes.
    fn refusal(&self, name: &str, message: &str) -> Value {
        let vendors = self.vendors.iter().map(|service| service.name);
        let services: Vec<&str> = vendors.chain(Payments::NAMES).collect();
        let of_vendors = Fault::NAMES.iter().map(|(name, _)| *name);
        let mut faults: Vec<String> = match self.payments.till(name) {
            Some(till) => till.fault_names(),
            None => of_vendors.map(str::to_owned).collect(),
        };
        faults.push(format!("delay:0..{MAX_DELAY_MS}"));
        faults.push("none".to_owned());
        json!({
            "error": message,
            "allowed": {"service": services, "fault": faults, "times": format!("1..{MAX_TIMES}")},
        })
    }
}

fn strike(service: &Service, fault: &str, times: u32) -> Result<Value, String> {
    let change: Box<dyn FnOnce(&mut Queue)> = if fault == "none" {
        Box::new(|queue| *queue = Queue::default())
    } else if let Some(fault) = Fault::parse(fault) {
        Box::new(move |queue| queue.fault = Some(Pending { what: fault, times }))
    } else if let Some(delay) = fault.strip_prefix("delay:").and_then(parse_delay) {
        Box::new(move |queue| queue.delay = Some(Pending { what: delay, times }))
    } else {
        return Err(format!("there is no fault `{fault}`"));
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
