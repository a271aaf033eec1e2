//! The answer to a commit is lost: it has happened, and nobody knows.

use super::{PRICE_TOKENS, generate, goes_on, lost_holds_come_back, postgres, told_to_come_back};
use crate::refused;
use reqwest::Method;
use serde_json::json;
use testkit::{Account, Loss, Proxy, Reply, Service, send};

/// A generation makes two commits. The hold is the first.
const HOLD: u64 = 1;
const SETTLE: u64 = 2;

/// Asks under a name.
async fn ask(service: &Service, account: &Account) -> Reply {
    let request = service.request(Method::POST, "/api/v2/generate", &account.key);
    let body = json!({ "model": "gpt-5", "prompt": "hello" }).to_string();
    let request = request.header("idempotency-key", "lost").header("content-type", "application/json");
    send(request.body(body)).await
}

/// Loses the answer to a commit of a request, and expects that it is told as it is, and that nothing is left of it.
async fn check(commit: u64, loss: Loss) {
    let Some(database) = postgres().await else { return };
    let database = database.impatient();
    let proxy = Proxy::start(database.port()).await;
    let service = Service::start(&database.through(proxy.port)).await;
    let account = service.account_with(100).await;
    generate(&service, &account).await.expect(200);
    let (before, calls) = (100 - PRICE_TOKENS, service.calls().await);
    proxy.lose_commit(commit, loss);
    let reply = ask(&service, &account).await;
    proxy.lost().await;
    let calls = service.calls().await - calls;
    let left = if commit == HOLD {
        told_to_come_back(&reply);
        assert_eq!(calls, 0, "nothing is asked for without a hold");
        // The hold is there all the same, and the request's name is bound to it.
        lost_holds_come_back(&service).await;
        let details = refused(&ask(&service, &account).await, 503, "overloaded");
        assert!(details["generation_id"].is_i64(), "{details}");
        before
    } else {
        let body = reply.expect(200);
        assert_eq!((&body["balance_remaining"], calls), (&json!(before - PRICE_TOKENS), 1));
        assert_eq!(ask(&service, &account).await.expect(200), body);
        before - PRICE_TOKENS
    };
    goes_on(&service, &account, left).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_whose_commit_broke_off_is_none() {
    check(HOLD, Loss::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hold_whose_commit_went_silent_is_none() {
    check(HOLD, Loss::Silence).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settle_whose_commit_broke_off_charges_once() {
    check(SETTLE, Loss::Cut).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_settle_whose_commit_went_silent_charges_once() {
    check(SETTLE, Loss::Silence).await;
}
