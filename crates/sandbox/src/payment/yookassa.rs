//! YooKassa, API v3: payments confirmed on a page, saved methods, refunds, lists and notifications.
//!
//! Shapes follow the vendor's published OpenAPI description and its Python SDK 3.13. Of the ways to confirm a payment the
//! redirect is played. Any shop id and key will do, and all are the same shop.

mod books;
mod error;
mod list;
mod payment;
mod receipt;
mod refund;
mod request;
mod shop;

pub(crate) use shop::Shop;

use crate::{
    payment::{mischief::PaymentFault, outbox::Manner, page},
    protocol::Body,
    reply::Reply,
    trouble::{Invalid, Trouble},
};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::{HeaderMap, StatusCode},
    response::Response,
    routing::{get, post},
};
use error::Refusal;
use payment::Status;
use refund::Refund;
use request::Posted;
use serde_json::{Value, json};
use shop::Decision;
use std::sync::Arc;

/// Where its documented base URL ends, on our listener.
pub(crate) const BASE_PATH: &str = "/yookassa/v3";

/// What cannot go wrong here.
pub(crate) const UNKNOWN_FAULTS: &[PaymentFault] = &[];

/// Only 200 means that a notification was taken. Nothing in it proves where it comes from.
pub(crate) const MANNER: Manner = Manner { is_taken: |status| status == StatusCode::OK, proof: None };

type Shared = State<Arc<Shop>>;

/// The API under its base path, and the pages.
pub(crate) fn routes(shop: Arc<Shop>) -> Router {
    let api = Router::new()
        .route("/payments", post(create_payment).get(list_payments))
        .route("/payments/{id}", get(look_at_payment))
        .route("/payments/{id}/capture", post(capture))
        .route("/payments/{id}/cancel", post(cancel_hold))
        .route("/refunds", post(create_refund).get(list_refunds))
        .route("/refunds/{id}", get(look_at_refund))
        .route("/me", get(me))
        .method_not_allowed_fallback(async |State(shop): Shared| {
            shop.till.refuse::<Refusal>(Trouble::WrongMethod).await
        })
        .fallback(async |State(shop): Shared| shop.till.refuse::<Refusal>(Trouble::NoRoute).await);
    Router::new()
        .nest(BASE_PATH, api)
        .route(&page_path("{id}"), get(show_page))
        .route(&format!("{}/succeed", page_path("{id}")), post(succeed))
        .route(&format!("{}/cancel", page_path("{id}")), post(leave))
        .with_state(shop)
}

/// The path of the page on which a payment is confirmed.
fn page_path(id: &str) -> String {
    format!("/yookassa/confirm/{id}")
}

/// Answers a request that changes something: `read` takes in its body, and `act` does it.
async fn change<T>(
    shop: &Shop,
    headers: &HeaderMap,
    body: Body,
    read: fn(&Value) -> Result<T, Invalid>,
    act: impl FnOnce(T, Posted) -> Result<Value, Refusal>,
) -> Response {
    let order = request::posted(headers, body).and_then(|posted| Ok((read(&posted.body)?, posted)));
    shop.till.answer(order, true, |(order, posted)| act(order, posted).map(ok)).await
}

/// Answers a request that only looks.
async fn look(
    shop: &Shop,
    headers: &HeaderMap,
    act: impl FnOnce(String) -> Result<Value, Refusal>,
) -> Response {
    shop.till.answer(request::admit(headers), false, |shop_id| act(shop_id).map(ok)).await
}

async fn create_payment(State(shop): Shared, headers: HeaderMap, body: Body) -> Response {
    change(&shop, &headers, body, request::payment, |order, posted| shop.create_payment(order, posted)).await
}

async fn create_refund(State(shop): Shared, headers: HeaderMap, body: Body) -> Response {
    change(&shop, &headers, body, request::refund, |order, posted| shop.create_refund(order, posted)).await
}

async fn capture(State(shop): Shared, Path(id): Path<String>, headers: HeaderMap, body: Body) -> Response {
    change(&shop, &headers, body, request::part, |part, posted| shop.capture(&id, part, posted)).await
}

async fn cancel_hold(
    State(shop): Shared,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    change(&shop, &headers, body, request::part, |_, posted| shop.cancel_hold(&id, posted)).await
}

async fn look_at_payment(State(shop): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let find = |_| {
        let found = shop.books(|books| books.payments.get(&id).map(|payment| shop.shown(payment)));
        found.ok_or_else(|| Refusal::not_found("Payment"))
    };
    look(&shop, &headers, find).await
}

async fn look_at_refund(State(shop): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let find = |_| {
        let found = shop.books(|books| books.refunds.get(&id).map(Refund::shown));
        found.ok_or_else(|| Refusal::not_found("Refund"))
    };
    look(&shop, &headers, find).await
}

async fn list_payments(State(shop): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    look(&shop, &headers, |_| shop.list_payments(&query.unwrap_or_default())).await
}

async fn list_refunds(State(shop): Shared, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    look(&shop, &headers, |_| shop.list_refunds(&query.unwrap_or_default())).await
}

async fn me(State(shop): Shared, headers: HeaderMap) -> Response {
    let shown = |shop_id| {
        Ok(json!({
            "account_id": shop_id,
            "status": "enabled",
            "test": true,
            "fiscalization": {"enabled": false},
            "payment_methods": ["bank_card", "sbp", "yoo_money"],
        }))
    };
    look(&shop, &headers, shown).await
}

async fn show_page(State(shop): Shared, Path(id): Path<String>) -> Response {
    let Some(payment) = shop.books(|books| books.payments.get(&id).cloned()) else {
        return page::not_found();
    };
    let amount = payment.order.amount;
    let page = page::Page {
        path: &page_path(&id),
        price: format!("{amount} {}", amount.currency.code()),
        title: payment.order.description.as_deref().unwrap_or_default(),
        outcome: (payment.status != Status::Pending).then(|| payment.status.name()),
    };
    page.html()
}

async fn succeed(State(shop): Shared, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    match page::said(&headers, &body) {
        // A payer may also say whether the method is to be saved.
        Ok(said) => decide(&shop, &id, &headers, Decision::Pay(said.get("save").and_then(Value::as_bool))),
        Err(refusal) => *refusal,
    }
}

async fn leave(State(shop): Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    decide(&shop, &id, &headers, Decision::Leave)
}

fn decide(shop: &Shop, id: &str, headers: &HeaderMap, decision: Decision) -> Response {
    let Some(shown) = shop.decide(id, decision) else { return page::not_found() };
    let return_url = shop.books(|books| books.payments.get(id)?.return_url().map(str::to_owned));
    page::pressed(headers, shown, return_url.unwrap_or_else(|| page_path(id)))
}

fn ok(shown: Value) -> Reply {
    Reply::json(StatusCode::OK, &shown)
}
