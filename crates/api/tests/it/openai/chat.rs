//! Conversations that go well: answered in OpenAI's shape, charged as any other, and on record.

use super::{asking, complete, question, recorded, with, wrong_field};
use crate::MODELS;
use serde_json::{Value, json};
use testkit::{Account, Reply, Service, TestDatabase};

testkit::on_each_database!(
    every_model_completes,
    every_model_streams,
    conversations_of_all_kinds_are_understood,
    what_is_not_supported_is_refused_by_name,
);

async fn start(database: &TestDatabase) -> (Service, Account) {
    let service = Service::start(database).await;
    let account = service.account("vip", 0).await;
    (service, account)
}

fn price(model: &str) -> i64 {
    if model == "gpt-5.2-pro" { 39 } else { 1 }
}

async fn every_model_completes(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let mut left = 1_500;
    for (_, model) in MODELS {
        let reply = complete(&service, &account.key, &question(model)).await;
        left -= price(model);
        let answer = reply.expect(200);
        let record = recorded(&service, &account.key, &reply).await;
        check_record(&record, model, left);
        let choice = &answer["choices"][0];
        for (value, expected) in [
            (&answer["id"], json!(format!("chatcmpl-{}", record["id"]))),
            (&answer["object"], json!("chat.completion")),
            (&answer["model"], json!(model)),
            (&choice["index"], json!(0)),
            (&choice["finish_reason"], json!("stop")),
            (&choice["message"]["role"], json!("assistant")),
            (&choice["message"]["content"], record["result_text"].clone()),
            (&choice["message"]["refusal"], Value::Null),
        ] {
            assert_eq!(*value, expected, "{answer:#}");
        }
        assert!(answer["created"].as_i64().unwrap() > 1_700_000_000, "{answer:#}");
        assert_eq!(answer["choices"].as_array().unwrap().len(), 1);
        assert!(choice["message"].get("tool_calls").is_none(), "{answer:#}");
        check_usage(&answer["usage"], &record);
        assert!(choice["message"]["content"].as_str().unwrap().contains("Why is the sea salt?"));
        assert_eq!(service.balance(&account.key).await, left, "{model}");
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

fn check_record(record: &Value, model: &str, left: i64) {
    for (field, expected) in [
        ("status", json!("completed")),
        ("model_slug", json!(model)),
        ("tokens_spent", json!(price(model))),
        ("balance_remaining", json!(left)),
    ] {
        assert_eq!(record[field], expected, "{field} of {record:#}");
    }
}

fn check_usage(usage: &Value, record: &Value) {
    let used = &record["result_metadata"]["usage"];
    let (input, output) = (used["input_tokens"].as_i64().unwrap(), used["output_tokens"].as_i64().unwrap());
    let expected =
        json!({ "prompt_tokens": input, "completion_tokens": output, "total_tokens": input + output });
    assert_eq!(*usage, expected);
}

async fn every_model_streams(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let mut left = 1_500;
    for (_, model) in MODELS {
        for include_usage in [false, true] {
            let options = json!({ "stream": true, "stream_options": { "include_usage": include_usage } });
            let reply = complete(&service, &account.key, &with(question(model), &options)).await;
            left -= price(model);
            assert_eq!(reply.status, 200, "{reply:?}");
            let record = recorded(&service, &account.key, &reply).await;
            check_record(&record, model, left);
            check_chunks(&reply, &record, include_usage);
        }
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

fn check_chunks(reply: &Reply, record: &Value, include_usage: bool) {
    assert_eq!(reply.header("content-type"), Some("text/event-stream"));
    let mut events = reply.events();
    assert_eq!(events.pop(), Some(json!("[DONE]")), "{events:?}");
    for event in &events {
        assert_eq!(event["id"], json!(format!("chatcmpl-{}", record["id"])), "{event}");
        assert_eq!(
            (&event["object"], &event["created"]),
            (&json!("chat.completion.chunk"), &events[0]["created"])
        );
        assert_eq!(event["model"], record["model_slug"], "{event}");
        assert_eq!(event.get("usage").is_some(), include_usage, "{event}");
    }
    if include_usage {
        let last = events.pop().unwrap();
        assert_eq!(last["choices"], json!([]));
        check_usage(&last["usage"], record);
        assert!(events.iter().all(|event| event["usage"].is_null()));
    }
    let choices: Vec<&Value> = events.iter().map(|event| &event["choices"][0]).collect();
    let [first, deltas @ .., end] = choices.as_slice() else { panic!("{events:?}") };
    assert_eq!(first["delta"], json!({ "role": "assistant", "content": "", "refusal": null }));
    assert_eq!((&end["delta"], &end["finish_reason"]), (&json!({}), &json!("stop")));
    let text: String = deltas.iter().map(|choice| choice["delta"]["content"].as_str().unwrap()).collect();
    assert_eq!(json!(text), record["result_text"]);
    assert!(deltas.iter().all(|choice| choice["finish_reason"].is_null()));
}

async fn conversations_of_all_kinds_are_understood(database: TestDatabase) {
    const PIXEL: &str = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let (service, account) = start(&database).await;
    let messages = json!([
        { "role": "developer", "content": "Be brief." },
        { "role": "system", "content": [{ "type": "text", "text": "Be kind." }] },
        { "role": "user", "content": "Hello." },
        { "role": "assistant", "content": "Hello!", "refusal": null, "annotations": [], "tool_calls": null },
        { "role": "user", "content": [
            { "type": "text", "text": "What is this?" },
            { "type": "image_url", "image_url": { "url": PIXEL, "detail": "auto" } },
        ] },
    ]);
    let body = json!({
        "messages": messages, "max_completion_tokens": 16, "temperature": 1, "user": "ann",
        "metadata": { "trace": "7" }, "n": 1, "stream": false, "seed": null, "tools": null, "stop": null,
    });
    for (_, model) in MODELS {
        let body = with(body.clone(), &json!({ "model": model }));
        let reply = complete(&service, &account.key, &body).await;
        if model == "deepseek-v3" {
            wrong_field(&reply, "messages[4].content[1].image_url");
            continue;
        }
        let answer = reply.expect(200);
        assert_eq!(answer["choices"][0]["finish_reason"], "length", "{answer:#}");
        let text = answer["choices"][0]["message"]["content"].as_str().unwrap();
        assert!(text.contains("What is this?") && text.split_whitespace().count() <= 16, "{text}");
    }
}

async fn what_is_not_supported_is_refused_by_name(database: TestDatabase) {
    let (service, account) = start(&database).await;
    let user = |content: Value| json!({ "messages": [{ "role": "user", "content": content }] });
    for (more, field) in [
        (json!({ "n": 2 }), "n"),
        (json!({ "seed": 7 }), "seed"),
        (json!({ "logprobs": true }), "logprobs"),
        (json!({ "frequency_penalty": 0.5 }), "frequency_penalty"),
        (json!({ "logit_bias": {} }), "logit_bias"),
        (json!({ "parallel_tool_calls": false }), "parallel_tool_calls"),
        (json!({ "functions": [] }), "functions"),
        (json!({ "reasoning_effort": "low" }), "reasoning_effort"),
        (json!({ "stream": "yes" }), "stream"),
        (json!({ "stream_options": { "include_usage": true } }), "stream_options"),
        (json!({ "stream": true, "stream_options": { "padding": true } }), "stream_options.padding"),
        (json!({ "temperature": 2.5 }), "temperature"),
        (json!({ "top_p": "much" }), "top_p"),
        (json!({ "max_tokens": 0 }), "max_tokens"),
        (json!({ "max_tokens": 1_000_000 }), "max_tokens"),
        (json!({ "max_completion_tokens": 1_000_000 }), "max_completion_tokens"),
        (json!({ "max_completion_tokens": 5, "max_tokens": 6 }), "max_completion_tokens"),
        (json!({ "messages": [] }), "messages"),
        (json!({ "messages": "hi" }), "messages"),
        (json!({ "messages": [{ "role": "system", "content": "hi" }] }), "messages"),
        (json!({ "messages": [{ "role": "robot", "content": "hi" }] }), "messages[0].role"),
        (json!({ "messages": [{ "role": "user" }] }), "messages[0].content"),
        (json!({ "messages": [{ "role": "user", "content": "hi", "name": "ann" }] }), "messages[0].name"),
        (user(json!("")), "messages[0].content"),
        (user(json!([{ "type": "input_audio", "input_audio": {} }])), "messages[0].content[0].type"),
        (
            user(
                json!([{ "type": "image_url", "image_url": { "url": "https://a.example/b.png", "detail": "high" } }]),
            ),
            "messages[0].content[0].image_url.detail",
        ),
        (
            user(json!([{ "type": "image_url", "image_url": { "url": "b.png" } }])),
            "messages[0].content[0].image_url.url",
        ),
        (json!({ "stop": ["a", "b", "c", "d", "e"] }), "stop"),
        (json!({ "stop": 7 }), "stop"),
        (json!({ "response_format": { "type": "xml" } }), "response_format.type"),
        (json!({ "response_format": { "type": "json_schema" } }), "response_format.json_schema"),
        (json!({ "model": null }), "model"),
        (json!({ "model": "photon-1" }), "model"),
        (json!({ "model": "whisper" }), "model"),
    ] {
        let reply = complete(&service, &account.key, &with(question("gpt-5-nano"), &more)).await;
        wrong_field(&reply, field);
    }
    let long = asking("gpt-5-nano", &"x".repeat(32_001));
    wrong_field(&complete(&service, &account.key, &long).await, "messages");
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
    assert_eq!(service.assert_verifies().await.generations, 0);
}
