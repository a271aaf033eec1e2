//! `GET /billing/payments`

use crate::{
    error::ApiError,
    extract::AnyPlan,
    openapi::{Id, Operation, Time},
    query::{Page, QueryFields},
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::{
    billing::{Money, Payment, PaymentStatus},
    id::PaymentId,
    port::Decline,
    time::Timestamp,
};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// How many payments can be paged through.
const MAX_DEPTH: u64 = 1_000_000;

#[derive(Serialize, ToSchema)]
#[schema(as = Payments)]
struct PaymentsBody {
    items: Vec<PaymentBody>,
    total: u64,
    page: u64,
    limit: u64,
    pages: u64,
}

/// A payment as its owner sees it.
#[derive(Serialize, ToSchema)]
#[schema(as = Payment)]
struct PaymentBody {
    #[schema(value_type = Id)]
    id: PaymentId,
    kind: &'static str,
    item: String,
    tokens: i64,
    method: &'static str,
    status: &'static str,
    amount: String,
    refunded: String,
    currency: &'static str,
    confirmation_url: Option<String>,
    decline: Option<&'static str>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    paid_at: Option<Timestamp>,
}

impl From<Payment> for PaymentBody {
    fn from(payment: Payment) -> Self {
        let refunded = Money { amount_minor: payment.refunded_minor, ..payment.amount };
        Self {
            id: payment.id,
            kind: payment.kind.name(),
            tokens: payment.tokens,
            method: payment.method.name(),
            status: payment.status.public_name(),
            amount: payment.amount.to_string(),
            refunded: refunded.to_string(),
            currency: payment.amount.currency.code(),
            // Of use only while it can be paid.
            confirmation_url: payment.confirmation_url.filter(|_| payment.status == PaymentStatus::Pending),
            decline: payment.decline.map(Decline::name),
            created_at: payment.created_at,
            paid_at: payment.paid_at,
            item: payment.item,
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
    mut query: QueryFields,
) -> Result<impl IntoResponse, ApiError> {
    let asked = Page::read(&mut query, MAX_DEPTH);
    query.finish()?;
    let Page { page, limit } = asked;
    let (payments, total) = app.payments(caller.account_id, asked.offset(), limit).await?;
    let items = payments.into_iter().map(PaymentBody::from).collect();
    Ok(Json(PaymentsBody { items, total, page, limit, pages: total.div_ceil(limit) }))
}

pub(crate) fn operation() -> Operation {
    let payment = json!({
        "id": 501, "kind": "package", "item": "light", "tokens": 100, "method": "yookassa", "status": "succeeded",
        "amount": "449.00", "refunded": "0.00", "currency": "RUB", "confirmation_url": null, "decline": null,
        "created_at": "2026-11-22T12:00:00Z", "paid_at": "2026-11-22T12:01:10Z",
    });
    Operation::new("List the payments")
        .about("The newest first.")
        .query(
            "page",
            "Which page.",
            json!({ "type": "integer", "minimum": 1, "maximum": MAX_DEPTH, "default": 1 }),
        )
        .query(
            "limit",
            "Payments on a page.",
            json!({ "type": "integer", "minimum": 1, "maximum": Page::MAX_LIMIT, "default": Page::DEFAULT_LIMIT }),
        )
        .answers::<PaymentsBody>(
            200,
            "A page of them.",
            json!({ "items": [payment], "total": 1, "page": 1, "limit": 20, "pages": 1 }),
        )
        .refuses(&["validation_error"])
}
