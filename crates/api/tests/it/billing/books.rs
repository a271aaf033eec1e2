//! What payment services say of an account, whatever ours say.

use serde_json::Value;
use testkit::{Account, Service};

/// The payments that the sandbox has of an account, oldest first.
pub(super) async fn payments(service: &Service, account: &Account) -> Vec<Value> {
    let books = service.books().await;
    let start = format!("{}.", account.id);
    let is_own =
        |payment: &&Value| payment["reference"].as_str().is_some_and(|name| name.starts_with(&start));
    books["payments"].as_array().unwrap().iter().filter(is_own).cloned().collect()
}

/// How many payments went well.
pub(super) async fn paid_times(service: &Service, account: &Account) -> usize {
    let payments = payments(service, account).await;
    payments.iter().filter(|payment| payment["status"] == "succeeded").count()
}

/// What of the account's money is ours, in the smallest unit: all that was paid, less what went back.
pub(super) async fn kept_minor(service: &Service, account: &Account) -> i64 {
    let payments = payments(service, account).await;
    let minor = |payment: &Value, field: &str| payment[field].as_i64().unwrap();
    let paid = payments.iter().filter(|payment| payment["status"] == "succeeded");
    paid.map(|payment| minor(payment, "amount_minor") - minor(payment, "refunded_minor")).sum()
}
