//! Workers: what they take up at once, how long they keep it, and what becomes of it when they end.

use crate::{
    eventually,
    jobs::{body, check_settled_once, photon, stall},
    media::patient,
};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::{Account, Service, Setup, TestDatabase};

testkit::on_each_database!(
    a_slow_job_holds_up_no_other,
    a_worker_takes_up_what_it_has_room_for,
    a_lease_is_renewed_while_its_job_is_worked_at,
    a_worker_that_ends_gives_back_what_it_had,
    a_job_is_asked_about_after_a_long_outage,
    a_job_that_comes_to_nothing_ends_after_a_long_outage,
    progress_outlasts_trouble,
    what_a_settle_leaves_behind_is_swept,
);

async fn is_pending(service: &Service, account: &Account, id: &Value) -> bool {
    service.generation(&account.key, id).await["status"] == "pending"
}

async fn a_slow_job_holds_up_no_other(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(100).await;
    let slow = service.begin_job(&account, &photon()).await;
    let stalled = stall(&service, 60_000).await;
    let quick = service.begin_job(&account, &body("midjourney-v6", "A red boat.")).await;
    assert_eq!(service.pump(&account.key, &quick).await["status"], "completed");
    assert!(is_pending(&service, &account, &slow).await);
    drop(stalled);
}

async fn a_worker_takes_up_what_it_has_room_for(database: TestDatabase) {
    let service = Service::start_with(&database, Setup { jobs_at_once: 1, ..patient() }).await;
    let account = service.account_with(100).await;
    let first = service.begin_job(&account, &photon()).await;
    let stalled = stall(&service, 1_000).await;
    let second = service.begin_job(&account, &photon()).await;
    service.clock.advance_ms(5_000);
    assert_eq!(service.poll().await, 0, "its hands are full");
    stalled.finished().await;
    assert_eq!(service.poll().await, 1);
    for id in [&first, &second] {
        assert_eq!(service.pump(&account.key, id).await["status"], "completed");
    }
}

async fn a_lease_is_renewed_while_its_job_is_worked_at(database: TestDatabase) {
    let service = Service::start_with(&database, Setup { shutdown_grace_ms: 50, ..patient() }).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    let stalled = stall(&service, 60_000).await;
    // Two minutes by the clock, and no other worker gets it.
    for _ in 0..4 {
        let leased_until = service.leased_until(&account, &id).await;
        service.clock.advance_ms(30_000);
        eventually(async || (service.leased_until(&account, &id).await > leased_until).then_some(())).await;
        assert_eq!(other.poll().await, 0);
    }
    service.app.shut_down().await;
    stalled.finished().await;
    check_settled_once(&other, &account, &id).await;
}

async fn a_worker_that_ends_gives_back_what_it_had(database: TestDatabase) {
    let service = Service::start_with(&database, Setup { shutdown_grace_ms: 50, ..patient() }).await;
    let other = service.another(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    let stalled = stall(&service, 60_000).await;
    tokio::time::timeout(Duration::from_secs(20), service.app.shut_down()).await.unwrap();
    stalled.finished().await;
    assert_eq!(service.poll().await, 0, "it takes up nothing more");
    // Another worker need not wait for the lease to run out.
    assert_eq!(other.poll().await, 1);
    check_settled_once(&other, &account, &id).await;
}

async fn a_job_is_asked_about_after_a_long_outage(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    // By its last look the vendor has finished; nobody comes to ask for a day.
    for _ in 0..2 {
        service.clock.advance_ms(5_000);
        assert_eq!(service.poll().await, 1);
    }
    service.clock.advance_ms(86_400_000);
    for _ in 0..5 {
        service.app.heartbeat().await.unwrap();
        assert_eq!(service.app.recover().await.unwrap().released_holds, 0);
    }
    assert!(is_pending(&service, &account, &id).await);
    check_settled_once(&service, &account, &id).await;
}

async fn a_job_that_comes_to_nothing_ends_after_a_long_outage(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account_with(10).await;
    for (prompt, fault) in [("[[fault:job-stuck]]", "none"), ("A boat.", "500")] {
        let id = service.begin_job(&account, &body("photon-1", prompt)).await;
        service.clock.advance_ms(86_400_000);
        service.app.recover().await.unwrap();
        let calls = service.calls_of("luma").await;
        service.break_vendor("luma", fault, 20).await;
        assert_eq!(service.poll().await, 1);
        service.break_vendor("luma", "none", 1).await;
        assert!(service.calls_of("luma").await > calls, "it was asked about");
        let failed = service.generation(&account.key, &id).await;
        assert_eq!((&failed["status"], &failed["error_code"]), (&json!("failed"), &json!("provider_error")));
        assert_eq!(service.balance(&account.key).await, 10);
        assert!(!service.is_job(&account, &id).await);
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn progress_outlasts_trouble(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(100).await;
    let id = service.begin_job(&account, &body("midjourney-v6", "[[fault:job-stuck]]")).await;
    for _ in 0..3 {
        service.clock.advance_ms(10_000);
        assert_eq!(service.poll().await, 1);
    }
    let told = service.generation(&account.key, &id).await["progress"].clone();
    assert!(told.as_i64().is_some_and(|percent| percent > 0), "{told}");
    service.break_vendor("midjourney", "500", 20).await;
    for _ in 0..3 {
        service.clock.advance_ms(60_000);
        assert_eq!(service.poll().await, 1);
        assert_eq!(service.generation(&account.key, &id).await["progress"], told);
    }
}

/// A process that dies between storing a result and settling leaves the result behind; so does one that cannot settle.
async fn what_a_settle_leaves_behind_is_swept(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let account = service.account_with(10).await;
    let id = service.begin_job(&account, &photon()).await;
    database.execute("ALTER TABLE generation_contents RENAME TO away").await.unwrap();
    for _ in 0..4 {
        service.clock.advance_ms(30_000);
        assert_eq!(service.poll().await, 1);
    }
    let orphans = service.stored_files();
    assert!(!orphans.is_empty() && is_pending(&service, &account, &id).await, "{orphans:?}");
    database.execute("ALTER TABLE away RENAME TO generation_contents").await.unwrap();
    let done = service.pump(&account.key, &id).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    assert_eq!(service.stored_files().len(), orphans.len() + 2);
    service.clock.advance_ms(3_600_000);
    assert_eq!(service.app.recover().await.unwrap().removed_files, orphans.len());
    assert_eq!(service.stored_files().len(), 2);
    assert_eq!(service.fetch(done["result_url"].as_str().unwrap()).await.status, 200);
    assert_eq!(service.fetch(done["thumbnail_url"].as_str().unwrap()).await.status, 200);
    assert_eq!((service.balance(&account.key).await, service.assert_verifies().await.open_holds), (7, 0));
}
