//! Telegram: invoices in Stars, subscriptions that renew by themselves, refunds, and updates to a bot.
//!
//! Shapes follow the Bot API 10.1; the words of errors are those of the Bot API server where they are known.

mod books;
mod bot;
mod call;
mod checkout;
mod error;
mod invoice;
mod update;

pub(crate) use bot::Bot;

use crate::{
    payment::{mischief::PaymentFault, outbox::Manner, page},
    protocol::{Body, whole},
    trouble::Trouble,
};
use axum::{
    Router,
    body::Bytes,
    extract::{Path, RawQuery, State},
    http::HeaderMap,
    response::Response,
    routing::{get, post},
};
use call::Call;
use error::Refusal;
use serde_json::Value;
use std::sync::Arc;

/// Where its documented base URL ends, on our listener.
pub(crate) const BASE_PATH: &str = "/telegram";

/// What cannot go wrong here: nothing is charged by a saved method, and a refund arrives.
pub(crate) const UNKNOWN_FAULTS: &[PaymentFault] =
    &[PaymentFault::MethodRevoked, PaymentFault::ThreeDsPending, PaymentFault::RefundDeclined];

/// Any 2xx means that an update was taken, and a header proves where it comes from.
pub(crate) const MANNER: Manner = Manner {
    is_taken: |status| status.is_success(),
    proof: Some(("x-telegram-bot-api-secret-token", "forged")),
};

/// Who pays when nobody says.
const PAYER_ID: i64 = 700_100_200;

/// The calls that change nothing about money.
const HARMLESS: &[&str] = &["getstartransactions", "getmystarbalance", "setwebhook"];

type Shared = State<Arc<Bot>>;

/// The API under its base path, and the pages of invoices.
pub(crate) fn routes(bot: Arc<Bot>) -> Router {
    let api = Router::new()
        .route("/invoice/{token}", get(show_page))
        .route("/invoice/{token}/succeed", post(succeed))
        .route("/invoice/{token}/cancel", post(leave))
        .route("/{bot}/{method}", get(call).post(call))
        .method_not_allowed_fallback(async |State(bot): Shared| {
            bot.till.refuse::<Refusal>(Trouble::WrongMethod).await
        })
        .fallback(async |State(bot): Shared| bot.till.refuse::<Refusal>(Trouble::NoRoute).await);
    Router::new().nest(BASE_PATH, api).with_state(bot)
}

/// The path of the page on which an invoice is paid.
fn page_path(token: &str) -> String {
    format!("{BASE_PATH}/invoice/{token}")
}

async fn call(
    State(bot): Shared,
    Path((name, method)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let call = Call::read((&name, &method), query.as_deref(), &headers, whole(body)).await;
    let moves_money = call.as_ref().is_ok_and(|call| !HARMLESS.contains(&call.method.as_str()));
    bot.till.answer(call, moves_money, |call| bot.obey(&call).map(|result| error::ok(&result))).await
}

async fn show_page(State(bot): Shared, Path(token): Path<String>) -> Response {
    let Some(invoice) = bot.invoice(&token) else { return page::not_found() };
    let each = if invoice.is_subscription { " each 30 days" } else { "" };
    let page = page::Page {
        path: &page_path(&token),
        price: format!("{} Stars{each}", invoice.amount_stars),
        title: &invoice.title,
        outcome: invoice.is_canceled.then_some("canceled"),
    };
    page.html()
}

async fn succeed(State(bot): Shared, Path(token): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let said = match page::said(&headers, &body) {
        Ok(said) => said,
        Err(refusal) => return *refusal,
    };
    let user_id = said.get("user_id").and_then(Value::as_i64).unwrap_or(PAYER_ID);
    match bot.pay(&token, user_id).await {
        Some(outcome) => page::pressed(&headers, outcome, page_path(&token)),
        None => page::not_found(),
    }
}

async fn leave(State(bot): Shared, Path(token): Path<String>, headers: HeaderMap) -> Response {
    match bot.leave(&token) {
        Some(outcome) => page::pressed(&headers, outcome, page_path(&token)),
        None => page::not_found(),
    }
}
