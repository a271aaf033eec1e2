//! `GET /billing/payments`

use crate::{
    error::ApiError,
    extract::{AnyPlan, QueryOf},
};
use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use domain::{
    billing::{Money, Payment, PaymentStatus},
    id::PaymentId,
    params::FieldError,
    port::Decline,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

const MAX_LIMIT: u64 = 100;
const MAX_PAGE: u64 = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    #[serde(default = "first_page")]
    page: u64,
    #[serde(default = "default_limit")]
    limit: u64,
}

const fn first_page() -> u64 {
    1
}

const fn default_limit() -> u64 {
    20
}

#[derive(Serialize)]
struct PaymentsBody {
    items: Vec<PaymentBody>,
    total: u64,
    page: u64,
    limit: u64,
    pages: u64,
}

/// A payment as its owner sees it.
#[derive(Serialize)]
struct PaymentBody {
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
    created_at: Timestamp,
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
    QueryOf(Page { page, limit }): QueryOf<Page>,
) -> Result<impl IntoResponse, ApiError> {
    let mut errors = Vec::new();
    for (name, value, max) in [("page", page, MAX_PAGE), ("limit", limit, MAX_LIMIT)] {
        if !(1..=max).contains(&value) {
            let error = FieldError::new(name, "must lie in its range");
            errors.push(error.allowing([format!("1..{max}")]));
        }
    }
    if !errors.is_empty() {
        return Err(ApiError::validation(errors));
    }
    let (payments, total) = app.payments(caller.account_id, (page - 1) * limit, limit).await?;
    let items = payments.into_iter().map(PaymentBody::from).collect();
    Ok(Json(PaymentsBody { items, total, page, limit, pages: total.div_ceil(limit) }))
}
