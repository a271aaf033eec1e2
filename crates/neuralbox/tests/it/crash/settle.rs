//! When nothing fails any more: all that runs comes to its end, and what was asked for under a name is asked for again.

use super::{
    books::items,
    client::{note_end, order_request},
    order::{JOB_TIMEOUT_MS, JOBS, MEDIA_TIMEOUT_MS, Way},
    record::{Record, Told},
    shop::{Account, PAUSE, Shop},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

/// Milliseconds beyond its deadline in which a generation must have ended once nothing fails any more.
pub(super) const GRACE_MS: i64 = 60_000;
/// Milliseconds that a wait for the vendor may take beyond the vendor's own time.
const CALL_GRACE_MS: u64 = 2_000;

/// Milliseconds that a generation of this model may take from its hold on.
pub(super) fn time_of(model: &str) -> i64 {
    // What comes at once and cannot be fetched just then goes on as a job, which has the time of the call once more.
    let ms = if JOBS.contains(&model) { JOB_TIMEOUT_MS } else { 2 * MEDIA_TIMEOUT_MS + CALL_GRACE_MS };
    i64::try_from(ms).expect("some seconds")
}

/// How long all may take until it has ended.
pub(super) fn longest() -> Duration {
    let ms = time_of(JOBS[0]).max(time_of("")) + GRACE_MS;
    Duration::from_millis(u64::try_from(ms).expect("some seconds"))
}

/// Waits until no generation of an account is pending; what still is when time is up.
pub(super) async fn pending(shop: &Shop, account: &Account) -> Vec<String> {
    loop {
        let page = shop.read("/user/history?status=pending&limit=100", &account.key).await;
        let pending: Vec<String> = page.iter().flat_map(items).map(Value::to_string).collect();
        if (page.is_some() && pending.is_empty()) || !shop.goes_on() {
            return pending;
        }
        testkit::pass(PAUSE).await;
    }
}

/// Has the payment service tell again of all that was paid, as it does until it is heard, and waits until it has been; what
/// has not when time is up.
pub(super) async fn payments(shop: &Shop, sandbox_url: &str, accounts: &[Account]) -> Vec<String> {
    let books = shop.insist(|| shop.http.get(format!("{sandbox_url}/_control/payments"))).await;
    for payment in books.iter().flat_map(|books| books["payments"].as_array().expect("a list")) {
        let event = format!("payment.{}", payment["status"].as_str().unwrap_or_default());
        let told = json!({ "type": "notification", "event": event, "object": payment });
        let path = "/billing/notifications/yookassa";
        shop.insist(|| shop.request(Method::POST, path, "").body(told.to_string())).await;
    }
    let mut missing = Vec::new();
    for account in accounts {
        loop {
            let page = shop.read("/billing/payments?limit=100", &account.key).await;
            let pending = page.iter().flat_map(items).filter(|payment| payment["status"] == "pending");
            let pending: Vec<String> = pending.map(Value::to_string).collect();
            if (page.is_some() && pending.is_empty()) || !shop.goes_on() {
                missing.extend(pending);
                break;
            }
            testkit::pass(PAUSE).await;
        }
    }
    missing
}

/// Asks once more for what bears a name and has ended: it must be told as before, and not be done again.
pub(super) async fn repeat(
    shop: &Shop,
    account: &Account,
    record: &mut Record,
    nonsense: &mut Vec<String>,
) -> bool {
    let is_settled = matches!(record.told, Told::Completed { .. } | Told::Failed { .. });
    if record.order.key.is_none() || !is_settled {
        return false;
    }
    // What was canceled, or ended while it was followed, was first told as pending, and so it is told again.
    while shop.goes_on() {
        let heard = shop.ask(order_request(shop, account, &record.order)).await;
        match heard.said() {
            Some(super::answer::Said::Pending { id }) if record.order.way == Way::Job => record.name(id),
            Some(end) => note_end(record, end, nonsense),
            None => {
                testkit::pass(PAUSE).await;
                continue;
            }
        }
        return true;
    }
    false
}
