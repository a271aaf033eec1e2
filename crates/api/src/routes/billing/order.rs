//! Reading an order, and answering it.

use super::subscription::LaterBody;
use crate::{
    error::ApiError,
    idempotency,
    openapi::{Id, Operation},
};
use app::{App, Error, IdempotencyKey, Order, OrderAnswer, Ordered};
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{
    billing::Payment,
    id::{AccountId, PaymentId},
    params::FieldError,
    port::PaymentMethod,
};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

/// What every order may say.
const FIELDS: [&str; 3] = ["method", "return_url", "receipt_email"];

/// What is to be done to pay an order.
#[derive(Serialize, ToSchema)]
#[schema(as = Order)]
pub(super) struct OrderBody {
    #[schema(value_type = Id)]
    payment_id: PaymentId,
    /// Where the payer confirms it.
    confirmation_url: Option<String>,
    status: &'static str,
    amount: String,
    currency: &'static str,
    /// What an earlier plan was worth: already off the amount.
    credit: String,
}

impl From<Payment> for OrderBody {
    fn from(payment: Payment) -> Self {
        let credit = domain::billing::Money { amount_minor: payment.credit_minor, ..payment.amount };
        Self {
            payment_id: payment.id,
            status: payment.status.public_name(),
            amount: payment.amount.to_string(),
            currency: payment.amount.currency.code(),
            credit: credit.to_string(),
            confirmation_url: payment.confirmation_url,
        }
    }
}

/// Has an order carried out, once where its client gave it a name, and answers it. `what` is ordered tells one order from
/// another, beside how it is paid.
pub(super) async fn carry_out<F: Future<Output = Result<Ordered, Error>> + Send + 'static>(
    app: App,
    account_id: AccountId,
    key: Option<IdempotencyKey>,
    what: [String; 2],
    order: Order,
    carry_out: impl FnOnce(App, Order) -> F + Send,
) -> Result<Response, ApiError> {
    let Some(key) = key else {
        let (status, body) = in_words(Ok(carry_out(app, order).await?));
        return Ok(respond(OrderAnswer { status, body, is_replay: false }));
    };
    let request = (what, order.method.name(), order.return_url.clone(), order.receipt_email.clone());
    let bound = |app, binding| carry_out(app, Order { binding: Some(binding), ..order });
    Ok(respond(app.order_once(account_id, key, &request, bound, in_words).await?))
}

fn in_words(outcome: Result<Ordered, Error>) -> (u16, String) {
    match outcome {
        Ok(Ordered::Payment(payment)) => (StatusCode::CREATED.as_u16(), to_json(&OrderBody::from(*payment))),
        Ok(Ordered::Later(subscription)) => {
            (StatusCode::OK.as_u16(), to_json(&LaterBody::from(*subscription)))
        }
        Err(error) => {
            let error = ApiError::from(error);
            (error.status.as_u16(), to_json(&error.body()))
        }
    }
}

/// Structs of ours always become JSON.
fn to_json(body: &impl Serialize) -> String {
    serde_json::to_string(body).unwrap_or_default()
}

fn respond(answer: OrderAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, [(header::CONTENT_TYPE, "application/json")], answer.body).into_response();
    if answer.is_replay {
        idempotency::mark_replayed(response.headers_mut());
    }
    response
}

/// Reads an order, and the fields that `own` names besides. Every wrong field is named at once.
pub(super) fn read(
    body: &Map<String, Value>,
    own: &[&'static str],
) -> Result<(Order, Vec<String>), ApiError> {
    let mut errors = Vec::new();
    for name in body.keys().filter(|name| !FIELDS.contains(&name.as_str()) && !own.contains(&name.as_str())) {
        let allowed = own.iter().chain(&FIELDS).copied();
        errors.push(FieldError::new(name, "is no field of this request").allowing(allowed));
    }
    let mut text = |name: &str| match body.get(name) {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(_) => {
            errors.push(FieldError::new(name, "must be a string"));
            None
        }
    };
    let own_values: Vec<Option<String>> = own.iter().map(|name| text(name)).collect();
    let [method, return_url, receipt_email] = FIELDS.map(&mut text);
    let methods = PaymentMethod::ALL.map(PaymentMethod::name);
    let known = method.as_deref().and_then(PaymentMethod::parse);
    let mut required = Vec::new();
    for (name, value) in own.iter().zip(own_values) {
        match value {
            Some(value) => required.push(value),
            None if errors.iter().any(|error| error.field == *name) => {}
            None => errors.push(FieldError::new(*name, "is required")),
        }
    }
    match known {
        Some(method) if errors.is_empty() => {
            Ok((Order { method, return_url, receipt_email, binding: None }, required))
        }
        known => {
            if known.is_none() && !errors.iter().any(|error| error.field == "method") {
                errors.push(FieldError::new("method", "must be a way to pay").allowing(methods));
            }
            Err(ApiError::validation(errors))
        }
    }
}

/// What orders have in common. `own` are the fields beside [`FIELDS`].
pub(super) fn operation(summary: &'static str, own: &[&str], example: Value) -> Operation {
    let mut properties = json!({
        "method": { "type": "string", "enum": PaymentMethod::ALL.map(PaymentMethod::name) },
        "return_url": { "type": ["string", "null"], "format": "uri" },
        "receipt_email": { "type": ["string", "null"], "format": "email" },
    });
    let mut required = vec!["method"];
    for name in own {
        properties[*name] = json!({ "type": "string" });
        required.push(name);
    }
    let schema = json!({ "type": "object", "required": required, "additionalProperties": false, "properties": properties });
    let answer = json!({
        "payment_id": 501, "confirmation_url": "https://yoomoney.example/checkout/501", "status": "pending",
        "amount": "890.00", "currency": "RUB", "credit": "0.00",
    });
    Operation::new(summary)
        .json_body(schema, example)
        .idempotent()
        .answers::<OrderBody>(201, "The payment that it takes.", answer)
        .refuses(&["provider_error"])
}
