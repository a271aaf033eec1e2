//! What fails says so, and costs nothing.

use super::{asking, check_error, complete, recorded, refused, with};
use crate::MODELS;
use serde_json::json;
use testkit::{Service, TestDatabase};

testkit::on_each_database!(a_stream_that_fails_says_so, a_plain_answer_that_fails_says_so);

/// Faults, and what the client is told.
const FAULTS: [(&str, u16, &str); 6] = [
    ("cut", 500, "provider_error"),
    ("error-in-200", 500, "provider_error"),
    ("malformed", 500, "provider_error"),
    ("429", 500, "provider_error"),
    ("quota", 503, "model_unavailable"),
    ("refuse", 400, "content_policy_violation"),
];

async fn a_stream_that_fails_says_so(database: TestDatabase) {
    for (_, model) in MODELS {
        let service = Service::start(&database).await;
        let account = service.account_with(50).await;
        for (fault, _, code) in FAULTS {
            let body = asking(model, &format!("Tell me. [[fault:{fault}]]"));
            let reply = complete(&service, &account.key, &with(body, &json!({ "stream": true }))).await;
            assert_eq!(reply.status, 200, "{reply:?}");
            let events = reply.events();
            let (error, chunks) = events.split_last().unwrap();
            assert_eq!(error.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"], "{model} {fault}");
            check_error(&error["error"], code);
            for chunk in chunks {
                assert_eq!(chunk["choices"][0]["finish_reason"], json!(null), "{model} {fault}: {chunk}");
            }
            let record = recorded(&service, &account.key, &reply).await;
            assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
            assert_eq!(service.balance(&account.key).await, 50, "{model} {fault}");
        }
        assert_eq!(service.assert_verifies().await.open_holds, 0);
    }
}

async fn a_plain_answer_that_fails_says_so(database: TestDatabase) {
    for (_, model) in MODELS {
        let service = Service::start(&database).await;
        let account = service.account_with(50).await;
        for (fault, status, code) in FAULTS {
            let body = asking(model, &format!("Tell me. [[fault:{fault}]]"));
            let reply = complete(&service, &account.key, &body).await;
            refused(&reply, status, code);
            let is_final = ["refuse", "quota"].contains(&fault);
            assert_eq!(reply.header("x-should-retry"), is_final.then_some("false"), "{model} {fault}");
            let record = recorded(&service, &account.key, &reply).await;
            assert_eq!((&record["status"], &record["tokens_spent"]), (&json!("failed"), &json!(0)));
            assert_eq!(service.balance(&account.key).await, 50, "{model} {fault}");
        }
        assert_eq!(service.assert_verifies().await.open_holds, 0);
    }
}
