//! `GET /billing/ledger`

use super::numbers;
use crate::{refused, wrong_fields};
use domain::{
    port::Clock,
    time::{DAY_MS, Timestamp},
};
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase};

testkit::on_each_database!(
    the_ledger_is_what_moved,
    a_long_ledger_comes_whole,
    days_and_instants_bound_it,
    what_is_wrong_is_named,
);

const HEAD: &str = "created_at,reason,source_id,debit,credit,amount_tokens";

async fn ledger(service: &Service, account: &Account, query: &str) -> Reply {
    let reply = service.get(&format!("/billing/ledger?{query}"), &account.key).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    reply
}

/// The entries as JSON, which must say how many they are.
async fn items(service: &Service, account: &Account, query: &str) -> Vec<Value> {
    let body = ledger(service, account, query).await.json();
    let items = body["items"].as_array().unwrap().clone();
    assert_eq!(body["total"], items.len(), "{query}");
    items
}

/// The entries as CSV says them, for comparing with JSON.
fn from_csv(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert_eq!(reply.header("content-disposition"), Some("attachment; filename=\"ledger.csv\""));
    let mut lines = reply.body.split("\r\n");
    assert_eq!(lines.next(), Some(HEAD));
    let lines: Vec<&str> = lines.collect();
    assert_eq!(lines.last(), Some(&""), "every line has its end");
    let rows = lines[..lines.len() - 1].iter().map(|line| line.split(',').collect::<Vec<_>>());
    let number = |text: &str| json!(text.parse::<i64>().unwrap());
    rows.map(|row| {
        let [created_at, reason, source_id, debit, credit, amount] = row.try_into().unwrap();
        json!({
            "created_at": created_at, "reason": reason, "source_id": number(source_id), "debit": debit,
            "credit": credit, "amount_tokens": number(amount),
        })
    })
    .collect()
}

async fn the_ledger_is_what_moved(database: TestDatabase) {
    let service = Service::start(&database).await;
    let (account, other) = (service.account("vip", 10).await, service.account("vip", 0).await);
    service.generate(&account.key, "gpt-5", "Why is the sea salt?").await.expect(200);
    service.clock.advance_ms(1);
    service.generate(&account.key, "gpt-5", "Why is the sky blue?").await.expect(200);
    service.generate(&other.key, "gpt-5", "Why?").await.expect(200);
    let found = items(&service, &account, "").await;
    let short: Vec<_> = found
        .iter()
        .map(|item| {
            [&item["reason"], &item["debit"], &item["credit"], &item["amount_tokens"]].map(Value::clone)
        })
        .collect();
    let price = found.last().unwrap()["amount_tokens"].clone();
    assert_eq!(
        short,
        [
            [json!("allowance"), json!("issued"), json!("plan"), json!(1_500)],
            [json!("charge"), json!("plan"), json!("spent"), price.clone()],
            [json!("grant"), json!("issued"), json!("permanent"), json!(10)],
            [json!("charge"), json!("plan"), json!("spent"), price],
        ]
    );
    assert_eq!(found[3]["created_at"], "2026-11-22T00:00:00.001Z");
    let csv = ledger(&service, &account, "format=csv").await;
    assert_eq!(from_csv(&csv), found);
    assert_eq!(ledger(&service, &account, "").await.header("content-type"), Some("application/json"));
    refused(&service.get("/billing/ledger", "").await, 401, "not_authenticated");
    // On the free plan too: it is their own.
    let free = service.account("free", 0).await;
    assert_eq!(items(&service, &free, "").await.len(), 1);
}

/// More than several pages, many at one instant, so that a page ends among them.
async fn a_long_ledger_comes_whole(database: TestDatabase) {
    const COUNT: u32 = 1_777;
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    let sql = format!(
        "INSERT INTO ledger_entries (account_id, reason, source_id, debit, credit, amount_tokens, created_at_ms)
        {} SELECT {}, 'charge', 1 + n / 2, CASE n % 2 WHEN 0 THEN 'plan' ELSE 'permanent' END, 'spent', 1 + n,
            1000 + n / 700 FROM numbers",
        numbers(COUNT),
        account.id.0,
    );
    database.execute(&sql).await.unwrap();
    let found = items(&service, &account, "to=2000-01-01").await;
    let mut amounts: Vec<_> = found.iter().map(|item| item["amount_tokens"].as_i64().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, (1..=i64::from(COUNT)).collect::<Vec<_>>());
    let time = |item: &Value| Timestamp::parse(item["created_at"].as_str().unwrap()).unwrap();
    let times: Vec<_> = found.iter().map(time).collect();
    assert!(times.is_sorted());
    assert_eq!(from_csv(&ledger(&service, &account, "to=2000-01-01&format=csv").await), found);
}

async fn days_and_instants_bound_it(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    // The starter tokens came on 22 November at 00:00; these are granted at 23 November, 00:00 and 24 November, 12:00.
    for ms in [DAY_MS, DAY_MS + DAY_MS / 2] {
        service.clock.advance_ms(ms);
        service.app.grant(account.id, ms).await.unwrap();
    }
    assert_eq!(service.clock.now().to_string(), "2026-11-24T12:00:00Z");
    for (query, expected) in [
        ("", 3),
        ("from=2026-11-22", 3),
        ("from=2026-11-23", 2),
        ("to=2026-11-22", 1),
        ("from=2026-11-23&to=2026-11-23", 1),
        ("from=2026-11-24&to=2026-11-24", 1),
        ("from=2026-11-25", 0),
        ("to=2026-11-23T00:00:00Z", 1),
        ("to=2026-11-23T00:00:00.001Z", 2),
        ("from=2026-11-24T12:00:00Z", 1),
        ("from=2026-11-24T15:00:00%2B03:00", 1),
        ("from=2026-11-24T15:00:00.001%2B03:00", 0),
    ] {
        assert_eq!(items(&service, &account, query).await.len(), expected, "{query}");
        let csv = ledger(&service, &account, &format!("{query}&format=csv")).await;
        assert_eq!(from_csv(&csv).len(), expected, "{query}");
    }
}

async fn what_is_wrong_is_named(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("free", 0).await;
    for (query, fields) in [
        ("from=yesterday", vec!["from"]),
        ("from=2026-13-01&to=2026-02-30&format=xml", vec!["from", "to", "format"]),
        ("from=2026-11-23&to=2026-11-21", vec!["to"]),
        ("page=2", vec!["page"]),
        ("from=2026-11-23&to=2026-11-22", vec!["to"]),
    ] {
        let reply = service.get(&format!("/billing/ledger?{query}"), &account.key).await;
        wrong_fields(&reply, &fields);
    }
    let reply = service.get("/billing/ledger?format=xml", &account.key).await;
    assert_eq!(wrong_fields(&reply, &["format"]), [json!(["json", "csv"])]);
}
