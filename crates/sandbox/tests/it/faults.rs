//! What goes wrong on demand.

use crate::lab::{
    ANTHROPIC, DEEPSEEK, ENDPOINTS, Endpoint, GOOGLE, Got, Kind, Lab, OPENAI_CHAT, OPENAI_RESPONSES, XAI,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Asserts the status and the body's values at JSON pointers, for a whole answer and for a stream alike.
async fn check(endpoint: Endpoint, fault: &str, status: u16, expected: &[(&str, Value)]) {
    let lab = Lab::start().await;
    for stream in [false, true] {
        let got = lab.ask(endpoint, &format!("please [[fault:{fault}]] now"), stream).await;
        assert_eq!(got.status, status, "{endpoint:?} {fault}: {got:?}");
        let json = got.json();
        for (pointer, value) in expected {
            assert_eq!(json.pointer(pointer), Some(value), "{endpoint:?} {fault}: {json:#}");
        }
        let retry_after = match (fault, endpoint.service) {
            ("429", "openai" | "anthropic") => Some("1"),
            _ => None,
        };
        assert_eq!(got.header("retry-after"), retry_after, "{endpoint:?} {fault}");
    }
}

#[tokio::test]
async fn openai_errors() {
    for endpoint in [OPENAI_CHAT, OPENAI_RESPONSES] {
        let kind = |kind: &str, code: Value| vec![("/error/type", json!(kind)), ("/error/code", code)];
        check(endpoint, "500", 500, &kind("server_error", json!(null))).await;
        check(endpoint, "401", 401, &kind("invalid_request_error", json!("invalid_api_key"))).await;
        check(endpoint, "429", 429, &kind("requests", json!("rate_limit_exceeded"))).await;
        check(endpoint, "quota", 429, &kind("insufficient_quota", json!("credit_balance_exhausted"))).await;
        let overloaded = kind("service_unavailable_error", json!("server_is_overloaded"));
        check(endpoint, "overloaded", 503, &overloaded).await;
    }
}

#[tokio::test]
async fn anthropic_errors() {
    for (fault, status, kind) in [
        ("500", 500, "api_error"),
        ("401", 401, "authentication_error"),
        ("429", 429, "rate_limit_error"),
        ("quota", 402, "billing_error"),
        ("overloaded", 529, "overloaded_error"),
    ] {
        check(ANTHROPIC, fault, status, &[("/type", json!("error")), ("/error/type", json!(kind))]).await;
    }
}

#[tokio::test]
async fn google_errors() {
    for (fault, status, name) in [
        ("500", 500, "INTERNAL"),
        ("401", 400, "INVALID_ARGUMENT"),
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("quota", 402, "RESOURCE_EXHAUSTED"),
        ("overloaded", 503, "UNAVAILABLE"),
    ] {
        check(GOOGLE, fault, status, &[("/error/status", json!(name)), ("/error/code", json!(status))]).await;
    }
    check(GOOGLE, "401", 400, &[("/error/details/0/reason", json!("API_KEY_INVALID"))]).await;
    check(GOOGLE, "429", 429, &[("/error/details/1/retryDelay", json!("1s"))]).await;
}

#[tokio::test]
async fn deepseek_errors() {
    for (fault, status, message) in [
        ("500", 500, "Internal Server Error"),
        ("401", 401, "Authentication Fails, Your api key: **** is invalid"),
        ("429", 429, "Rate limit reached"),
        ("quota", 402, "Insufficient Balance"),
        ("overloaded", 503, "Service is too busy. Please try again later."),
        ("refuse", 400, "Content Exists Risk"),
    ] {
        check(DEEPSEEK, fault, status, &[("/error/message", json!(message))]).await;
    }
}

#[tokio::test]
async fn xai_errors() {
    for (fault, status, code) in [
        ("500", 500, "Internal error"),
        ("401", 400, "Client specified an invalid argument"),
        ("429", 429, "Some resource has been exhausted"),
        ("quota", 429, "Some resource has been exhausted"),
        ("overloaded", 503, "The service is currently unavailable"),
        ("refuse", 403, "The caller does not have permission to execute the specified operation"),
    ] {
        check(XAI, fault, status, &[("/code", json!(code))]).await;
    }
}

async fn both(endpoint: Endpoint, fault: &str) -> (Value, Got) {
    let lab = Lab::start().await;
    let prompt = format!("[[fault:{fault}]]");
    let plain = lab.ask(endpoint, &prompt, false).await;
    let stream = lab.ask(endpoint, &prompt, true).await;
    assert_eq!((plain.status, stream.status), (200, 200));
    (plain.json(), stream)
}

#[tokio::test]
async fn refusals_that_come_with_200() {
    let refusal = json!("I'm sorry, but I can't help with that.");
    let said = |got: &Got, pointer: &str| -> String {
        got.events().iter().filter_map(|event| event.pointer(pointer)?.as_str().map(str::to_owned)).collect()
    };

    let (json, stream) = both(OPENAI_CHAT, "refuse").await;
    assert_eq!(json["choices"][0]["message"]["refusal"], refusal);
    assert_eq!(json["choices"][0]["message"]["content"], Value::Null);
    assert_eq!(json!(said(&stream, "/choices/0/delta/refusal")), refusal);

    let (json, stream) = both(OPENAI_RESPONSES, "refuse").await;
    assert_eq!(json["output"][1]["content"], json!([{"type": "refusal", "refusal": refusal}]));
    assert_eq!(json!(said(&stream, "/delta")), refusal);
    assert!(stream.body.contains("event: response.refusal.done"), "{stream:?}");

    let (json, stream) = both(ANTHROPIC, "refuse").await;
    assert_eq!(json["stop_reason"], "refusal");
    assert_eq!(json["stop_details"]["type"], "refusal");
    assert!(!ANTHROPIC.deltas(&stream).is_empty());
    assert_eq!(said(&stream, "/delta/stop_reason"), "refusal");

    let (json, stream) = both(GOOGLE, "refuse").await;
    assert_eq!(json["promptFeedback"]["blockReason"], "SAFETY");
    assert!(json.get("candidates").is_none());
    assert_eq!(said(&stream, "/promptFeedback/blockReason"), "SAFETY");
}

#[tokio::test]
async fn errors_that_come_with_200() {
    let last = |got: &Got| got.events().pop().unwrap();

    let (json, stream) = both(OPENAI_CHAT, "error-in-200").await;
    assert_eq!(json["error"]["type"], "server_error");
    assert_eq!(last(&stream)["error"]["type"], "server_error");

    let (json, stream) = both(OPENAI_RESPONSES, "error-in-200").await;
    assert_eq!((&json["status"], &json["error"]["code"]), (&json!("failed"), &json!("server_error")));
    assert_eq!((&last(&stream)["type"], &last(&stream)["code"]), (&json!("error"), &json!("server_error")));

    let (json, stream) = both(ANTHROPIC, "error-in-200").await;
    assert_eq!(json["error"]["type"], "overloaded_error");
    assert_eq!(last(&stream)["error"]["type"], "overloaded_error");

    let (json, stream) = both(GOOGLE, "error-in-200").await;
    assert_eq!(json["error"]["status"], "UNAVAILABLE");
    assert_eq!(last(&stream)["error"]["status"], "UNAVAILABLE");

    let (json, stream) = both(DEEPSEEK, "error-in-200").await;
    assert_eq!(json["choices"][0]["finish_reason"], "insufficient_system_resource");
    assert_eq!(last(&stream)["choices"][0]["finish_reason"], "insufficient_system_resource");

    let (json, stream) = both(XAI, "error-in-200").await;
    assert!(json["error"].is_string());
    assert!(last(&stream)["error"].is_string());
    for (endpoint, stream) in [(OPENAI_CHAT, "[DONE]"), (ANTHROPIC, "message_stop"), (XAI, "[DONE]")] {
        let (_, got) = both(endpoint, "error-in-200").await;
        assert!(!got.body.contains(stream) && !endpoint.deltas(&got).is_empty(), "{got:?}");
    }
}

#[tokio::test]
async fn malformed_bodies_end_as_if_nothing_were_wrong() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let got = lab.ask(endpoint, "[[fault:malformed]]", false).await;
        assert_eq!((got.status, got.is_cut), (200, false));
        assert_eq!(got.header("content-length"), Some(got.body.len().to_string().as_str()));
        assert!(serde_json::from_str::<Value>(&got.body).is_err(), "{got:?}");

        let got = lab.ask(endpoint, "[[fault:malformed]]", true).await;
        assert_eq!((got.status, got.is_cut), (200, false));
        let data = got.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let garbage = data.filter(|data| *data != "[DONE]" && serde_json::from_str::<Value>(data).is_err());
        assert_eq!(garbage.count(), 1, "{got:?}");
    }
}

#[tokio::test]
async fn cut_bodies_begin_well() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let got = lab.ask(endpoint, "[[fault:cut]]", false).await;
        assert_eq!((got.status, got.is_cut), (200, true), "{got:?}");
        let promised: usize = got.header("content-length").unwrap().parse().unwrap();
        assert_eq!(got.body.len(), promised / 2);

        let got = lab.ask(endpoint, "[[fault:cut]]", true).await;
        assert_eq!((got.status, got.is_cut), (200, true), "{got:?}");
        assert!(endpoint.deltas(&got).len() > 1, "{got:?}");
    }
}

#[tokio::test]
async fn hanging_streams_send_one_delta_and_hanging_answers_nothing() {
    let lab = Lab::start().await;
    let patience = Duration::from_millis(400);
    for endpoint in ENDPOINTS {
        let body = endpoint.body("[[fault:hang]]", false).to_string();
        let request = lab.request(reqwest::Method::POST, endpoint.service, &endpoint.path(false)).body(body);
        assert!(request.timeout(patience).send().await.unwrap_err().is_timeout());

        let body = endpoint.body("[[fault:hang]]", true).to_string();
        let request = lab.request(reqwest::Method::POST, endpoint.service, &endpoint.path(true)).body(body);
        let got = crate::lab::fetch(request.timeout(patience)).await;
        assert!(got.is_cut, "{got:?}");
        assert_eq!(endpoint.deltas(&got).len(), 1, "{got:?}");
    }
}

#[tokio::test]
async fn delays_hold_back_the_first_byte() {
    let lab = Lab::start().await;
    for stream in [false, true] {
        let asked_at = Instant::now();
        let got = lab.ask(OPENAI_CHAT, "[[delay:120]] and [[fault:500]]", stream).await;
        assert!(asked_at.elapsed() >= Duration::from_millis(120));
        assert_eq!(got.status, 500);
    }
}

#[tokio::test]
async fn words_that_are_no_fault_are_only_words() {
    let lab = Lab::start().await;
    for prompt in
        ["[[fault:nonsense]] hello", "[[delay:never]]", "[[delay:999999999]]", "[[fault:500", "[[x]] ]] [["]
    {
        let got = lab.ask(ANTHROPIC, prompt, false).await;
        assert!(ANTHROPIC.text(&got).contains(prompt), "{got:?}");
    }
}

#[tokio::test]
async fn only_the_last_words_of_the_user_count() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS.into_iter().filter(|endpoint| endpoint.kind == Kind::Chat) {
        let mut body = endpoint.body("", false);
        body["messages"] = json!([
            {"role": "user", "content": "[[fault:500]]"},
            {"role": "assistant", "content": "[[fault:500]]"},
            {"role": "user", "content": [{"type": "text", "text": "again"}]},
        ]);
        let got = lab.post(endpoint.service, &endpoint.path(false), &body).await;
        assert!(endpoint.text(&got).contains(": again "), "{got:?}");
    }
}
