//! Word of payments, subscriptions and balances.

use super::{Receiver, listen};
use crate::billing::subscriber;
use domain::time::DAY_MS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use testkit::{Account, Service, Spender, TestDatabase};

testkit::on_each_database!(
    payments_and_subscriptions_are_told,
    a_low_balance_is_told_once_a_cycle,
    permanent_tokens_count_for_a_balance,
);

/// An account that has subscribed to vip, by when its key is known to work.
async fn listener(service: &Service) -> Account {
    let account = subscriber(service, "vip").await;
    service.clock.advance_ms(5_000);
    account
}

/// How often each kind has come.
async fn counted(receiver: &Receiver) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for message in receiver.messages().await {
        *counts.entry(message.kind()).or_default() += 1;
    }
    counts
}

async fn deliver_all(service: &Service) {
    while service.deliver().await > 0 {}
}

async fn payments_and_subscriptions_are_told(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = listener(&service).await;
    let receiver = Receiver::start().await;
    // It hears of nothing that was before it, and is behind the worker.
    deliver_all(&service).await;
    let webhook = listen(&service, &account, &receiver, &[]).await;
    deliver_all(&service).await;
    assert_eq!(receiver.messages().await.len(), 0);

    let order = service.order_package(&account, "start", "yookassa").await.expect(201);
    service.confirm(&order, "succeed").await.expect(200);
    deliver_all(&service).await;
    let message = receiver.message().await;
    assert_eq!(
        (message.kind().as_str(), message.is_signed_by(&webhook["secret"])),
        ("payment.succeeded", true)
    );
    let data = &message.body()["data"];
    assert_eq!((&data["payment_id"], &data["item"]), (&order["payment_id"], &json!("start")));

    service.live_through(30 * DAY_MS, DAY_MS).await;
    deliver_all(&service).await;
    let expected = [("payment.succeeded", 2), ("subscription.renewed", 1)];
    let told = counted(&receiver).await;
    assert!(expected.iter().all(|(kind, count)| told[*kind] == *count), "{told:?}");

    service.break_vendor("yookassa", "declined", 1_000).await;
    service.live_through(38 * DAY_MS, DAY_MS).await;
    deliver_all(&service).await;
    let told = counted(&receiver).await;
    for (kind, least) in [("payment.failed", 1), ("subscription.past_due", 1), ("subscription.ended", 1)] {
        assert!(told.get(kind).is_some_and(|count| *count >= least), "{kind}: {told:?}");
    }
    // Each event came once.
    let messages = receiver.messages().await;
    let mut ids: Vec<&str> = messages.iter().map(|message| message.id()).collect();
    let count = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
}

async fn spend(spender: &Spender, account: &Account, tokens: i64, completes: bool) {
    let id = spender.hold(account, tokens).await.unwrap();
    spender.end(account.id, id, completes).await;
}

async fn lows(service: &Service, receiver: &Receiver) -> Vec<Value> {
    deliver_all(service).await;
    let messages = receiver.messages().await;
    messages.iter().filter(|m| m.kind() == "balance.low").map(|m| m.body()["data"].clone()).collect()
}

async fn a_low_balance_is_told_once_a_cycle(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = listener(&service).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &["balance.low"]).await;
    let spender = service.spender().await;
    // Of 1,500, and what is left over from the start.
    let (_, permanent) = crate::billing::tokens(&service, &account).await;
    spend(&spender, &account, 1_350 + permanent, true).await;
    assert_eq!(lows(&service, &receiver).await, [] as [Value; 0], "150 of 1,500 is not below a tenth");
    spend(&spender, &account, 1, false).await;
    assert_eq!(lows(&service, &receiver).await, [] as [Value; 0], "what failed is back");
    spend(&spender, &account, 1, true).await;
    let told = lows(&service, &receiver).await;
    assert_eq!(told.len(), 1);
    assert_eq!((&told[0]["token_balance"], &told[0]["token_limit"]), (&json!(149), &json!(1_500)));
    assert_eq!((&told[0]["plan"], told[0]["cycle_ends_at"].is_string()), (&json!("vip"), true));
    spend(&spender, &account, 1, true).await;
    assert_eq!(lows(&service, &receiver).await.len(), 1);

    // The next cycle has a low of its own.
    service.live_through(31 * DAY_MS, DAY_MS).await;
    spend(&spender, &account, 1_450, true).await;
    assert_eq!(lows(&service, &receiver).await.len(), 2);
    service.assert_verifies().await;
}

async fn permanent_tokens_count_for_a_balance(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 1_000).await;
    let receiver = Receiver::start().await;
    listen(&service, &account, &receiver, &[]).await;
    let spender = service.spender().await;
    spend(&spender, &account, 1_500, true).await;
    assert_eq!(lows(&service, &receiver).await, [] as [Value; 0]);
    spend(&spender, &account, 900, true).await;
    assert_eq!(lows(&service, &receiver).await.len(), 1);
}
