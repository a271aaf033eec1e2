//! `/_control`.

use crate::lab::{ANTHROPIC, Lab, OPENAI_CHAT, OPENAI_RESPONSES, XAI, fetch};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_fault_strikes_so_many_requests_of_one_service() {
    let lab = Lab::start().await;
    let set = lab.control(&json!({"service": "openai", "fault": "500", "times": 2})).await;
    assert_eq!(set.status, 200);
    assert_eq!(set.json(), json!({"service": "openai", "pending": [{"fault": "500", "times": 2}]}));

    assert_eq!(lab.ask(XAI, "hello", false).await.status, 200);
    assert_eq!(lab.ask(OPENAI_CHAT, "hello", false).await.status, 500);
    // Words in the prompt win, and leave the other fault for the next request.
    assert_eq!(lab.ask(OPENAI_CHAT, "[[fault:429]]", false).await.status, 429);
    // A request that is wrong meets no fault.
    assert_eq!(lab.post("openai", "/chat/completions", &json!({})).await.status, 400);
    assert_eq!(lab.ask(OPENAI_RESPONSES, "hello", true).await.status, 500);
    assert_eq!(lab.ask(OPENAI_CHAT, "hello", false).await.status, 200);
}

#[tokio::test]
async fn faults_strike_the_list_of_models_too() {
    let lab = Lab::start().await;
    for (fault, status) in [("401", 401), ("overloaded", 503), ("error-in-200", 200), ("refuse", 200)] {
        lab.control(&json!({"service": "openai", "fault": fault})).await;
        assert_eq!(fetch(lab.request(Method::GET, "openai", "/models")).await.status, status, "{fault}");
    }
}

#[tokio::test]
async fn delays_and_faults_add_up_and_none_clears_both() {
    let lab = Lab::start().await;
    lab.control(&json!({"service": "anthropic", "fault": "refuse"})).await;
    let set = lab.control(&json!({"service": "anthropic", "fault": "delay:120", "times": 3})).await;
    let pending = json!([{"fault": "refuse", "times": 1}, {"fault": "delay:120", "times": 3}]);
    assert_eq!(set.json()["pending"], pending);

    let asked_at = Instant::now();
    assert_eq!(lab.ask(ANTHROPIC, "hello", false).await.json()["stop_reason"], "refusal");
    assert!(asked_at.elapsed() >= Duration::from_millis(120));

    let cleared = lab.control(&json!({"service": "anthropic", "fault": "none"})).await;
    assert_eq!(cleared.json()["pending"], json!([]));
    assert_eq!(lab.ask(ANTHROPIC, "hello", false).await.json()["stop_reason"], "end_turn");
}

#[tokio::test]
async fn it_counts_requests() {
    let lab = Lab::start().await;
    lab.ask(ANTHROPIC, "hello", false).await;
    lab.ask(ANTHROPIC, "[[fault:500]]", true).await;
    lab.post("anthropic", "/v1/messages", &json!({})).await;
    lab.control(&json!({"service": "xai", "fault": "cut", "times": 7})).await;
    let shown = fetch(lab.client.get(lab.control_url())).await.json();
    assert_eq!(shown["anthropic"], json!({"requests": 3, "pending": []}));
    assert_eq!(shown["xai"], json!({"requests": 0, "pending": [{"fault": "cut", "times": 7}]}));
    let services: Vec<&String> = shown.as_object().unwrap().keys().collect();
    let mut known: Vec<&str> = sandbox::vendors().chain(sandbox::payment_services()).collect();
    known.sort_unstable();
    assert_eq!(services, known);
}

#[tokio::test]
async fn wrong_commands_are_told_what_is_allowed() {
    let lab = Lab::start().await;
    for command in [
        json!({"service": "acme", "fault": "500"}),
        json!({"service": "openai", "fault": "sneeze"}),
        json!({"service": "openai", "fault": "delay:soon"}),
        json!({"service": "openai", "fault": "delay:600001"}),
        json!({"service": "openai", "fault": "500", "times": 0}),
        json!({"service": "openai", "fault": "500", "times": 1001}),
        json!({"service": "openai", "fault": "500", "times": "two"}),
        json!({"service": "openai"}),
        json!({"service": "openai", "fault": "500", "often": 2}),
        json!("[[fault:500]]"),
    ] {
        let got = lab.control(&command).await;
        assert_eq!(got.status, 422, "{command}: {got:?}");
        let allowed = &got.json()["allowed"];
        let services: Vec<&str> = sandbox::vendors().chain(sandbox::payment_services()).collect();
        assert_eq!(allowed["service"], json!(services));
        assert!(allowed["fault"].as_array().unwrap().contains(&json!("error-in-200")));
        assert_eq!(allowed["times"], "1..1000");
    }
    let shown = fetch(lab.client.get(lab.control_url())).await.json();
    assert!(shown.as_object().unwrap().values().all(|service: &Value| service["pending"] == json!([])));
}
