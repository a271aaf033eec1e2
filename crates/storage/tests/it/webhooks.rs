//! What is told: with what it tells or not at all, and once; and that it goes out fairly.

use crate::support::{Bench, completed, failed};
use domain::{
    id::{AccountId, DeliveryId, EndpointId},
    webhook::EventType,
};
use futures_util::future::join_all;
use std::collections::BTreeSet;
use storage::{DueDelivery, GenerationStatus, NewDelivery, NewEndpoint, NewsRecord};
use testkit::TestDatabase;

testkit::on_each_database!(
    no_end_without_its_event,
    many_ends_at_once_are_each_told_once,
    who_does_not_listen_leaves_nothing,
    a_long_lane_keeps_nobody_waiting,
    a_flood_of_deliveries_is_made_at_once,
    two_workers_take_up_each_event_once,
    what_is_gone_or_disabled_is_not_sent_to,
    what_this_version_does_not_know_waits,
    the_database_refuses_in_webhooks,
);

async fn listen(bench: &Bench, account_id: AccountId) -> EndpointId {
    let id = EndpointId(bench.storage.next_id().await.unwrap());
    let url = "https://example.org/hook".to_owned();
    let new = NewEndpoint { account_id, id, url, events: None, created_at: bench.now() };
    assert!(bench.storage.create_endpoint(new, 100).await.unwrap());
    id
}

/// The types of all events, sorted.
async fn told(database: &TestDatabase) -> Vec<String> {
    let rows = database.auditor().await.read("events", &["type"]).await;
    let mut types: Vec<String> = rows.concat();
    types.sort_unstable();
    types
}

async fn no_end_without_its_event(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    listen(&bench, account).await;
    let hold = bench.hold(account, 3).await.unwrap();
    let id = hold.generation_id();
    database.execute("ALTER TABLE events RENAME TO away").await.unwrap();
    assert!(bench.storage.ledger().resolve(hold, completed(), bench.now()).await.is_err());
    database.execute("ALTER TABLE away RENAME TO events").await.unwrap();
    let record = bench.storage.generation(account, id).await.unwrap().unwrap();
    assert_eq!(record.status, GenerationStatus::Pending);
    assert_eq!(bench.buckets(account).await, [7, 5, 3, 0]);
    assert!(told(&database).await.is_empty());
    bench.assert_verifies().await;
}

async fn many_ends_at_once_are_each_told_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(100, 0).await;
    listen(&bench, account).await;
    let mut holds = Vec::new();
    for _ in 0..100 {
        holds.push(bench.hold(account, 1).await.unwrap());
    }
    let (succeed, fail) = (holds.split_off(5), holds);
    let ledger = bench.storage.ledger();
    let ends = succeed.into_iter().map(|hold| ledger.resolve(hold, completed(), bench.now()));
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    let ends = fail.into_iter().map(|hold| ledger.resolve(hold, failed(), bench.now()));
    assert!(join_all(ends).await.iter().all(Result::is_ok));
    let told = told(&database).await;
    let count = |event_type: EventType| told.iter().filter(|told| *told == event_type.name()).count();
    assert_eq!((told.len(), count(EventType::BalanceLow)), (101, 1));
    assert_eq!((count(EventType::GenerationCompleted), count(EventType::GenerationFailed)), (95, 5));
    bench.assert_verifies().await;
}

async fn who_does_not_listen_leaves_nothing(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    let endpoints = [listen(&bench, account).await, listen(&bench, account).await];
    let end = async || {
        let hold = bench.hold(account, 1).await.unwrap();
        bench.complete(hold).await;
        told(&database).await.iter().filter(|told| *told == "generation.completed").count()
    };
    assert_eq!(end().await, 1);
    assert!(bench.storage.set_endpoint_disabled(account, endpoints[0], Some(bench.now())).await.unwrap());
    assert_eq!(end().await, 2, "the other one still listens");
    assert!(bench.storage.delete_endpoint(account, endpoints[1]).await.unwrap());
    assert_eq!(end().await, 2);
    assert!(bench.storage.set_endpoint_disabled(account, endpoints[0], None).await.unwrap());
    assert_eq!(end().await, 3);
}

/// An event of that account, to be told.
async fn event(database: &TestDatabase, account: AccountId, id: i64, event_type: &str) {
    let sql = format!("INSERT INTO events VALUES ({account}, {id}, '{event_type}', '{{}}', 0, 1)");
    database.execute(&sql).await.unwrap();
}

async fn delivery(
    bench: &Bench,
    event: &NewsRecord,
    endpoint: Option<EndpointId>,
    host: &str,
) -> NewDelivery {
    NewDelivery {
        id: DeliveryId(bench.id().await),
        account_id: event.account_id,
        event_id: event.event_id,
        endpoint_id: endpoint,
        url: format!("https://{host}/hook"),
        host: host.to_owned(),
    }
}

/// Deliveries of `count` events to a host, each made at an address of its own.
async fn queue(bench: &Bench, database: &TestDatabase, account: AccountId, host: &str, count: i64) {
    let mut deliveries = Vec::new();
    for _ in 0..count {
        event(database, account, bench.id().await, "generation.failed").await;
    }
    let news = bench.storage.news(10_000).await.unwrap();
    for event in &news {
        deliveries.push(delivery(bench, event, None, host).await);
    }
    bench.storage.fan_out(&news, deliveries).await.unwrap();
}

/// What one step along all lanes finds, by hosts.
async fn due(bench: &Bench, limit: u32) -> Vec<DueDelivery> {
    let lanes = bench.storage.lanes(bench.now(), -1, 1_000).await.unwrap();
    let open: Vec<i64> = lanes.iter().filter(|lane| lane.first.is_some()).map(|lane| lane.id).collect();
    bench.storage.due_deliveries(bench.now(), &open, limit).await.unwrap()
}

async fn a_long_lane_keeps_nobody_waiting(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let (one, other) = (bench.account(10, 0).await, bench.account(10, 0).await);
    queue(&bench, &database, one, "busy.example", 600).await;
    bench.clock.advance_ms(1);
    queue(&bench, &database, one, "calm.example", 1).await;
    queue(&bench, &database, other, "busy.example", 1).await;
    let found = due(&bench, 4).await;
    let in_lane = |account: AccountId, host: &str| {
        found.iter().filter(|due| due.account_id == account && due.host == host).count()
    };
    assert_eq!((found.len(), in_lane(one, "busy.example")), (6, 4));
    assert_eq!((in_lane(one, "calm.example"), in_lane(other, "busy.example")), (1, 1));
    // The first of every lane comes before the second of any.
    let firsts: BTreeSet<_> = found[..3].iter().map(|due| (due.account_id, due.host.clone())).collect();
    assert_eq!(firsts.len(), 3);

    // What is claimed stands in nobody's way.
    let until = bench.now().plus_ms(60_000);
    assert_eq!(bench.storage.claim_deliveries(&found, bench.now(), until).await.unwrap().len(), 6);
    assert!(bench.storage.claim_deliveries(&found, bench.now(), until).await.unwrap().is_empty());
    let next = due(&bench, 4).await;
    assert!(next.len() == 4 && next.iter().all(|due| !found.contains(due)), "{next:?}");
    // Walking on behind a lane leads to the next, and in the end to none.
    let lanes = bench.storage.lanes(bench.now(), -1, 2).await.unwrap();
    assert_eq!(lanes.len(), 2);
    let rest = bench.storage.lanes(bench.now(), lanes[1].id, 2).await.unwrap();
    assert!(rest.len() == 1 && rest[0].id > lanes[1].id, "{rest:?}");
    assert!(bench.storage.lanes(bench.now(), rest[0].id, 2).await.unwrap().is_empty());
}

async fn a_flood_of_deliveries_is_made_at_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    for _ in 0..60 {
        event(&database, account, bench.id().await, "payment.failed").await;
    }
    let mut endpoints = Vec::new();
    for _ in 0..60 {
        endpoints.push(listen(&bench, account).await);
    }
    let news = bench.storage.news(200).await.unwrap();
    let mut deliveries = Vec::new();
    for event in &news {
        for endpoint in &endpoints {
            deliveries.push(delivery(&bench, event, Some(*endpoint), "example.org").await);
        }
    }
    // More values than a statement takes, on either database.
    assert!(deliveries.len() * 18 > 0xffff - 2_000);
    bench.storage.fan_out(&news, deliveries).await.unwrap();
    let made = database.auditor().await.read("webhook_deliveries", &["id"]).await;
    assert_eq!(made.len(), 3_600);
    assert_eq!(due(&bench, 10_000).await.len(), 3_600);
}

async fn two_workers_take_up_each_event_once(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    for _ in 0..40 {
        event(&database, account, bench.id().await, "payment.failed").await;
    }
    let news = bench.storage.news(40).await.unwrap();
    let mut workers = Vec::new();
    for worker in 0..8 {
        let mut own = news.clone();
        if worker % 2 == 1 {
            own.reverse();
        }
        let mut deliveries = Vec::new();
        for event in &own {
            deliveries.push(delivery(&bench, event, None, "example.org").await);
        }
        workers.push((own, deliveries));
    }
    let storage = &bench.storage;
    let runs = workers.into_iter().map(async |(news, deliveries)| storage.fan_out(&news, deliveries).await);
    assert!(join_all(runs).await.iter().all(Result::is_ok));
    assert!(bench.storage.news(40).await.unwrap().is_empty());
    assert_eq!(due(&bench, 100).await.len(), 40);
}

async fn what_is_gone_or_disabled_is_not_sent_to(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    let endpoints =
        [listen(&bench, account).await, listen(&bench, account).await, listen(&bench, account).await];
    event(&database, account, 7, "payment.failed").await;
    let news = bench.storage.news(10).await.unwrap();
    let mut deliveries = Vec::new();
    for endpoint in endpoints {
        deliveries.push(delivery(&bench, &news[0], Some(endpoint), "example.org").await);
    }
    assert!(bench.storage.set_endpoint_disabled(account, endpoints[0], Some(bench.now())).await.unwrap());
    assert!(bench.storage.delete_endpoint(account, endpoints[1]).await.unwrap());
    bench.storage.fan_out(&news, deliveries).await.unwrap();
    let found = due(&bench, 10).await;
    let claimed = bench.storage.claim_deliveries(&found, bench.now(), bench.now().plus_ms(1)).await.unwrap();
    assert_eq!(claimed.len(), 1);
    assert_eq!(claimed[0].endpoint_id, Some(endpoints[2]));
    // Whoever is at it when the endpoint goes has nothing more to write.
    assert!(bench.storage.delete_endpoint(account, endpoints[2]).await.unwrap());
    bench.storage.drop_delivery(&claimed[0]).await.unwrap();
    assert!(database.auditor().await.read("webhook_deliveries", &["id"]).await.is_empty());
}

async fn what_this_version_does_not_know_waits(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 0).await;
    event(&database, account, 7, "generation.dreamt").await;
    event(&database, account, 8, "generation.failed").await;
    let news = bench.storage.news(10).await.unwrap();
    assert_eq!(news.iter().map(|event| event.event_id).collect::<Vec<_>>(), [8]);
    bench.storage.fan_out(&news, Vec::new()).await.unwrap();
    let mut left = database.auditor().await.read("events", &["id", "is_new"]).await;
    left.sort_unstable();
    assert_eq!(left, [["7", "1"], ["8", "0"]]);
}

async fn the_database_refuses_in_webhooks(database: TestDatabase) {
    let bench = Bench::new(&database).await;
    let account = bench.account(10, 5).await;
    listen(&bench, account).await;
    let delivery = |id: i64, endpoint: i64| {
        format!(
            "INSERT INTO webhook_deliveries VALUES ({account}, {id}, {endpoint}, 7, 'https://a', 'a', 0, 'pending',
                0, 0, 1, 9, 0, 0, NULL, NULL, NULL, 0)"
        )
    };
    database.execute(&delivery(1, 5)).await.unwrap();
    assert!(database.execute(&delivery(2, 5)).await.is_err(), "an event goes to an endpoint once");
    database.execute(&delivery(2, 6)).await.unwrap();
    for statement in [
        "webhook_deliveries SET status = 'lost'",
        "webhook_deliveries SET due_at_ms = NULL",
        "webhook_deliveries SET status = 'failed'",
        "webhook_deliveries SET attempts = -1",
        "webhook_deliveries SET lane = -1",
        "webhook_deliveries SET is_redelivery = 2",
        "webhook_endpoints SET oldest_rotation = 1",
        "webhook_endpoints SET oldest_rotation = -1",
        "wallets SET listens = 2",
    ] {
        let error = database.execute(&format!("UPDATE {statement}")).await.err().unwrap_or_default();
        assert!(error.contains("constraint"), "{statement}: {error}");
    }
}
