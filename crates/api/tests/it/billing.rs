//! Buying, renewing, refunding: over HTTP against both payment services of the sandbox.

mod books;
mod chargebacks;
mod crashes;
mod events;
mod notifications;
mod orders;
mod reconcile;
mod refunds;
mod renewals;
mod stars;
mod upgrades;
mod yookassa;

use domain::id::PaymentId;
use serde_json::Value;
use testkit::{Account, Service};

/// Plan tokens and permanent tokens that an account has, held ones left out.
pub(crate) async fn tokens(service: &Service, account: &Account) -> (i64, i64) {
    let wallet = service.wallet(account).await;
    (wallet.plan_available, wallet.permanent_available)
}

/// What `GET /balance` says of plan and its end.
async fn plan(service: &Service, account: &Account) -> (String, Value) {
    let balance = service.app.balance_of(account.id).await.unwrap();
    let ends = serde_json::to_value(balance.plan_expires_at).unwrap();
    (balance.plan, ends)
}

/// An account that has subscribed to a plan by card.
pub(crate) async fn subscriber(service: &Service, plan: &str) -> Account {
    let account = service.account("free", 0).await;
    service.subscribe(&account, plan, "yookassa").await;
    account
}

/// A package that is paid.
async fn package(service: &Service, account: &Account, slug: &str, method: &str) -> PaymentId {
    let order = service.order_package(account, slug, method).await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    PaymentId(order["payment_id"].as_i64().unwrap())
}

/// Spends tokens without a vendor.
async fn spend(service: &Service, account: &Account, price_tokens: i64) {
    let spender = service.spender().await;
    let id = spender.hold(account, price_tokens).await.expect("the balance covers it");
    spender.end(account.id, id, true).await;
}
