//! How long files are kept.

use crate::{
    jobs::photon,
    media::{patient, picture},
    refused,
};
use app::GenerateRequest;
use domain::port::Clock;
use image::ImageFormat;
use serde_json::Value;
use testkit::{Account, Service, TestDatabase};

testkit::on_each_database!(results_are_kept_as_long_as_the_plan_says, inputs_are_kept_for_a_day);

const DAY_MS: i64 = 86_400_000;

/// A finished picture of an account, on whatever plan; keys work on the higher ones only.
async fn made(service: &Service, account: &Account) -> Value {
    let caller = service.app.authenticate(&account.key).await.unwrap();
    let Value::Object(mut params) = photon() else { unreachable!() };
    params.remove("model");
    let model = "photon-flash".to_owned();
    let request = GenerateRequest::new(model, params);
    let running = service.app.generate_once(&caller, request, None).await.unwrap();
    let id = Value::from(running.id.0);
    assert!(running.finish().await.unwrap().is_none(), "it goes on as a job");
    let done = service.pump(&account.key, &id).await;
    assert_eq!(done["status"], "completed", "{done:#}");
    done
}

async fn results_are_kept_as_long_as_the_plan_says(database: TestDatabase) {
    let service = Service::start_with(&database, patient()).await;
    let begun_at = service.clock.now();
    let mut kept = Vec::new();
    for (plan, days) in [("free", 7), ("basic", 30), ("pro", 90), ("vip", 90), ("elite", 100_000)] {
        let account = service.account(plan, 10).await;
        let done = made(&service, &account).await;
        kept.push((plan, days, done));
    }
    assert_eq!(service.stored_files().len(), 10);
    for day in [7, 30, 90, 3_650] {
        let due = begun_at.plus_ms(day * DAY_MS);
        service.clock.advance_ms(due.ms_since(service.clock.now()) - 1);
        for (plan, days, done) in &kept {
            // They were made in the first minute.
            check_served(&service, done, *days >= day, plan).await;
        }
        service.clock.advance_ms(10 * 60_000);
        // Gone on time, whether or not the worker has come round.
        for (plan, days, done) in &kept {
            check_served(&service, done, *days > day, plan).await;
        }
        service.app.recover().await.unwrap();
        let left = kept.iter().filter(|(_, days, _)| *days > day).count();
        assert_eq!(service.stored_files().len(), 2 * left, "after {day} days");
    }
}

async fn check_served(service: &Service, done: &Value, is_served: bool, plan: &str) {
    for field in ["result_url", "thumbnail_url"] {
        let reply = service.fetch(done[field].as_str().unwrap()).await;
        assert_eq!(reply.status, if is_served { 200 } else { 404 }, "{field} on {plan}");
    }
}

async fn inputs_are_kept_for_a_day(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("elite", 0).await;
    let url = service.upload(&account.key, &picture(8, 8, ImageFormat::Png)).await;
    service.clock.advance_ms(DAY_MS - 1);
    assert_eq!(service.app.recover().await.unwrap().removed_files, 0);
    assert_eq!(service.fetch(&url).await.status, 200);
    service.clock.advance_ms(1);
    refused(&service.fetch(&url).await, 404, "not_found");
    assert_eq!(service.stored_files().len(), 1);
    assert_eq!(service.app.recover().await.unwrap().removed_files, 1);
    assert_eq!(service.stored_files(), Vec::<String>::new());
    assert_eq!(service.app.recover().await.unwrap().removed_files, 0);
}
