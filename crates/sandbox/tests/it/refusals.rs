//! What the vendors refuse, and how they say so.

use crate::lab::{
    ANTHROPIC, DEEPSEEK, ENDPOINTS, Endpoint, GOOGLE, Lab, OPENAI_CHAT, OPENAI_RESPONSES, XAI, fetch,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Changes a good request and asserts what is said to it: the status, and words in the body.
async fn check(endpoint: Endpoint, changes: Value, status: u16, words: &str) {
    let lab = Lab::start().await;
    let mut body = endpoint.body("hello", false);
    for (name, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(body.as_object_mut().unwrap().remove(name)),
            value => body[name] = value.clone(),
        }
    }
    let got = lab.post(endpoint.service, &endpoint.path(false), &body).await;
    assert_eq!(got.status, status, "{changes} gave {got:?}");
    assert!(got.body.contains(words), "{changes} gave {got:?}");
}

#[tokio::test]
async fn openai_chat() {
    let message = |message: Value| json!({"messages": [message]});
    for (changes, status, words) in [
        (json!({"model": null}), 400, "missing_required_parameter"),
        (json!({"model": "claude-haiku-4-5"}), 404, "model_not_found"),
        (json!({"model": "gpt-5.2-pro"}), 404, "only supported in v1/responses"),
        (json!({"messages": null}), 400, "Missing required parameter: 'messages'"),
        (json!({"messages": []}), 400, "empty_array"),
        (message(json!({"role": "model", "content": "x"})), 400, "messages[0].role"),
        (message(json!({"role": "user"})), 400, "messages[0].content"),
        (message(json!({"role": "user", "content": [{"type": "image"}]})), 400, "'image_url'"),
        (
            message(
                json!({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "a.png"}}]}),
            ),
            400,
            "messages[0].content[0].image_url.url",
        ),
        (json!({"max_tokens": 5}), 400, "unsupported_parameter"),
        (json!({"max_completion_tokens": 0}), 400, "integer_below_min_value"),
        (json!({"temperature": 0.5}), 400, "unsupported_value"),
        (json!({"temperature": 1}), 200, "stop"),
        (json!({"top_p": 0.5}), 400, "unsupported_value"),
        (json!({"temperature": 3}), 400, "<= 2"),
        (json!({"temperature": "hot"}), 400, "invalid_type"),
        (json!({"model": "gpt-4.1", "max_tokens": 5, "temperature": 0.5}), 200, "length"),
        (json!({"topK": 5}), 400, "unknown_parameter"),
        (json!({"n": 2}), 400, "'n'"),
        (json!({"reasoning_effort": "heroic"}), 400, "reasoning_effort"),
        (json!({"stream_options": {"include_usage": true}}), 400, "only allowed when 'stream' is enabled"),
    ] {
        check(OPENAI_CHAT, changes, status, words).await;
    }
}

#[tokio::test]
async fn openai_responses() {
    for (changes, status, words) in [
        (json!({"input": null}), 400, "Missing required parameter: 'input'"),
        (json!({"input": []}), 400, "empty_array"),
        (json!({"input": "just words"}), 200, "just words"),
        (json!({"max_output_tokens": 15}), 400, "integer_below_min_value"),
        (json!({"messages": []}), 400, "unknown_parameter"),
        (json!({"max_completion_tokens": 50}), 400, "unknown_parameter"),
        (json!({"temperature": 0.2}), 400, "unsupported_value"),
        (json!({"background": true}), 400, "background"),
        (json!({"reasoning": {"effort": "heroic"}}), 400, "heroic"),
        (json!({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}), 400, "input_text"),
    ] {
        check(OPENAI_RESPONSES, changes, status, words).await;
    }
}

#[tokio::test]
async fn anthropic() {
    let source = |source: Value| json!({"messages": [{"role": "user", "content": [{"type": "image", "source": source}]}]});
    for (changes, status, words) in [
        (json!({"max_tokens": null}), 400, "max_tokens: Field required"),
        (json!({"max_tokens": 0}), 400, "greater than or equal to 1"),
        (json!({"messages": null}), 400, "messages: Field required"),
        (json!({"messages": []}), 400, "at least one message is required"),
        (json!({"messages": [{"role": "system", "content": "x"}]}), 400, "top-level `system` parameter"),
        (json!({"messages": [{"role": "model", "content": "x"}]}), 400, "messages.0.role: Input should be"),
        (
            json!({"messages": [{"role": "user", "content": ""}]}),
            400,
            "messages.0.content: must be non-empty",
        ),
        (json!({"temperature": 1.5}), 400, "less than or equal to 1"),
        (json!({"temperature": 0.5, "top_p": 0.5}), 400, "cannot both be specified"),
        (json!({"frequency_penalty": 1}), 400, "Extra inputs are not permitted"),
        (json!({"model": "claude-haiku-4.5"}), 404, "not_found_error"),
        (json!({"model": "gpt-5"}), 404, "not_found_error"),
        (json!({"system": "be kind"}), 200, "\"input_tokens\":3"),
        (source(json!({"type": "base64", "media_type": "image/bmp", "data": "AA=="})), 400, "media_type"),
        (source(json!({"type": "base64", "media_type": "image/png", "data": "AA=="})), 200, "end_turn"),
        (source(json!({"type": "url", "url": "https://images.example/a.png"})), 200, "end_turn"),
    ] {
        check(ANTHROPIC, changes, status, words).await;
    }
    let lab = Lab::start().await;
    let url = lab.sandbox.base_url("anthropic").unwrap() + "/v1/messages";
    let got = fetch(lab.client.post(url).header("x-api-key", "k").body("{}")).await;
    assert_eq!((got.status, got.body.contains("anthropic-version")), (400, true));
}

#[tokio::test]
async fn google() {
    let config = |config: Value| json!({"generationConfig": config});
    for (changes, status, words) in [
        (json!({"contents": null}), 400, "contents is not specified"),
        (json!({"contents": []}), 400, "contents is not specified"),
        (
            json!({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}),
            400,
            "valid role: user, model",
        ),
        (json!({"contents": [{"role": "user", "parts": [{}]}]}), 400, "oneof field 'data'"),
        (json!({"messages": []}), 400, "Unknown name \\\"messages\\\""),
        (config(json!({"max_tokens": 5})), 400, "Unknown name \\\"maxTokens\\\" at 'generationConfig'"),
        (config(json!({"temperature": 3})), 400, "INVALID_ARGUMENT"),
        (
            config(json!({"thinkingConfig": {"thinkingBudget": 1, "thinkingLevel": "LOW"}})),
            400,
            "only set one",
        ),
    ] {
        check(GOOGLE, changes, status, words).await;
    }
    let lab = Lab::start().await;
    let body = GOOGLE.body("hello", false);
    for (path, status) in [
        ("/v1beta/models/gpt-5:generateContent", 404),
        ("/v1beta/models/gemini-2.5-flash:dream", 404),
        ("/v1beta/models/gemini-2.5-flash:streamGenerateContent", 400),
        ("/v1beta/models/gemini-2.5-flash%3AgenerateContent", 200),
    ] {
        assert_eq!(lab.post("google", path, &body).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn deepseek() {
    for (changes, status, words) in [
        (json!({"messages": null}), 422, "missing field `messages`"),
        (json!({"messages": []}), 422, "must not be empty"),
        (json!({"messages": [{"role": "developer", "content": "x"}]}), 422, "unknown variant `developer`"),
        (json!({"max_tokens": 0}), 422, "max_tokens"),
        (json!({"temperature": 2.5}), 422, "temperature"),
        (json!({"thinking": {"type": "maybe"}}), 422, "thinking.type"),
        (json!({"logprobs": true}), 422, "logprobs"),
        (json!({"model": "gpt-5"}), 400, "Model Not Exist"),
        (json!({"whatever": 1}), 200, "stop"),
    ] {
        check(DEEPSEEK, changes, status, words).await;
    }
}

#[tokio::test]
async fn xai() {
    for (changes, status, words) in [
        (json!({"messages": null}), 422, "missing field `messages`"),
        (json!({"messages": []}), 400, "must not be empty"),
        (json!({"messages": [{"role": "model", "content": "x"}]}), 422, "unknown variant `model`"),
        (json!({"stop": ["x"]}), 400, "Argument not supported on this model: stop"),
        (json!({"model": "grok-4-fast-non-reasoning", "stop": ["x"]}), 200, "\"model\":\"grok-4.3\""),
        (json!({"model": "grok-4-fast", "reasoning_effort": "low"}), 400, "reasoning_effort"),
        (json!({"reasoning_effort": "low"}), 200, "stop"),
        (json!({"model": "gpt-5"}), 404, "Some requested entity was not found"),
        (json!({"max_tokens": 2}), 200, "length"),
        (json!({"max_completion_tokens": 2}), 200, "length"),
    ] {
        check(XAI, changes, status, words).await;
    }
}

#[tokio::test]
async fn bodies_that_are_not_json() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        for body in ["{\"model\":", "", "[]"] {
            let request = lab.request(Method::POST, endpoint.service, &endpoint.path(false));
            let got = fetch(request.body(body)).await;
            assert!(matches!(got.status, 400 | 422), "{endpoint:?} {body}: {got:?}");
            assert!(!got.json()["error"].is_null(), "{got:?}");
        }
    }
}

#[tokio::test]
async fn requests_without_a_key() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let url = format!("{}{}", lab.sandbox.base_url(endpoint.service).unwrap(), endpoint.path(false));
        let body = endpoint.body("hello", false).to_string();
        let status = if endpoint == GOOGLE { 403 } else { 401 };
        let none = lab.client.post(&url).body(body.clone());
        let empty = lab.client.post(&url).header("x-api-key", "").header("authorization", "Bearer ");
        for request in [none, empty.header("x-goog-api-key", " ").body(body)] {
            let got = fetch(request).await;
            assert_eq!(got.status, status, "{got:?}");
            assert!(!got.json()["error"].is_null(), "{got:?}");
        }
    }
}

#[tokio::test]
async fn paths_and_methods_that_are_not_there() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let got = fetch(lab.request(Method::POST, endpoint.service, "/nowhere")).await;
        assert_eq!(got.status, 404, "{got:?}");
        assert!(!got.json()["error"].is_null(), "{got:?}");
        let got = fetch(lab.request(Method::PUT, endpoint.service, &endpoint.path(false))).await;
        assert_eq!(got.status, 405, "{got:?}");
        assert!(!got.json()["error"].is_null(), "{got:?}");
    }
}

#[tokio::test]
async fn bodies_that_are_too_large() {
    let lab = Lab::start().await;
    let body = "x".repeat(sandbox::MAX_BODY_BYTES + 1);
    for endpoint in ENDPOINTS {
        let request = lab.request(Method::POST, endpoint.service, &endpoint.path(false));
        let got = fetch(request.body(body.clone())).await;
        assert_eq!(got.status, 413, "{got:?}");
        assert!(!got.json()["error"].is_null(), "{got:?}");
    }
}
