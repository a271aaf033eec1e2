//! How long words are kept.

use app::Recovered;
use domain::{port::Clock, time::DAY_MS};
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(texts_are_kept_as_long_as_the_plan_says);

async fn texts_are_kept_as_long_as_the_plan_says(database: TestDatabase) {
    let service = Service::start(&database).await;
    let begun_at = service.clock.now();
    let mut kept = Vec::new();
    for (plan, days) in [("vip", 90), ("elite", 100_000)] {
        let account = service.account(plan, 10).await;
        let answer = service.generate(&account.key, "gpt-5-nano", "Why is the sea salt?").await.expect(200);
        kept.push((account, days, answer));
    }
    let contents = async || database.auditor().await.read("generation_contents", &["prompt"]).await.len();
    for day in [90, 3_650] {
        let due = begun_at.plus_ms(day * DAY_MS);
        service.clock.advance_ms(due.ms_since(service.clock.now()) - 1);
        for (account, days, answer) in &kept {
            let now = service.get(&format!("/generate/{}", answer["id"]), &account.key).await.expect(200);
            check(&now, answer, *days >= day);
        }
        service.clock.advance_ms(1);
        // Gone on time, whether or not the worker has come round.
        for _ in 0..2 {
            for (account, days, answer) in &kept {
                let now = service.get(&format!("/generate/{}", answer["id"]), &account.key).await.expect(200);
                check(&now, answer, *days > day);
                let history = service.get("/user/history", &account.key).await.expect(200);
                assert_eq!(history["items"], json!([now]));
            }
            service.app.recover().await.unwrap();
        }
        assert_eq!(contents().await, kept.iter().filter(|(_, days, _)| *days > day).count());
        assert_eq!(service.app.recover().await.unwrap(), Recovered::default());
    }
    // What they cost stays.
    for (account, _, answer) in &kept {
        let stats = service.get("/user/stats", &account.key).await.expect(200);
        assert_eq!(stats["tokens_spent_total"], answer["tokens_spent"]);
    }
    service.assert_verifies().await;
}

fn check(now: &Value, answer: &Value, is_kept: bool) {
    if is_kept {
        assert_eq!(now["result_text"], answer["result_text"]);
        assert_eq!(now["result_metadata"], answer["result_metadata"]);
    } else {
        assert_eq!(now["result_text"], Value::Null);
        assert_eq!(now["result_metadata"]["pruned"], true);
        assert_eq!(now["result_metadata"]["usage"], answer["result_metadata"]["usage"]);
    }
    assert_eq!((&now["status"], &now["tokens_spent"]), (&json!("completed"), &answer["tokens_spent"]));
}
