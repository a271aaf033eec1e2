//! JSON, and where to stop; and what a vendor cannot do of it, which is refused before it costs.

use super::{asking, complete, recorded, with, wrong_field};
use crate::MODELS;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    answers_come_in_json,
    texts_end_where_they_are_to_stop,
    what_a_vendor_cannot_do_is_refused
);

fn schema(strict: bool) -> Value {
    let schema = json!({
        "type": "object",
        "properties": { "title": { "type": "string" }, "tags": { "type": "array", "items": { "enum": ["a", "b"] } } },
        "required": ["title", "tags"],
        "additionalProperties": false,
    });
    json!({ "type": "json_schema", "json_schema": { "name": "story", "schema": schema, "strict": strict } })
}

/// The text of an answer, whole or in chunks.
async fn said(service: &Service, key: &str, body: &Value) -> String {
    let reply = complete(service, key, body).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let record = recorded(service, key, &reply).await;
    assert_eq!(record["result_metadata"]["finish_reason"], "stop", "{record:#}");
    if body["stream"] != true {
        return reply.json()["choices"][0]["message"]["content"].as_str().unwrap().to_owned();
    }
    let events = reply.events();
    let text = events.iter().filter_map(|event| event["choices"][0]["delta"]["content"].as_str()).collect();
    assert_eq!(json!(text), record["result_text"]);
    text
}

async fn answers_come_in_json(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (_, model) in MODELS {
        for stream in [false, true] {
            let body = |format: Value| {
                let more = json!({ "stream": stream, "response_format": format });
                with(asking(model, "A story as JSON, please."), &more)
            };
            let text = said(&service, &account.key, &body(json!({ "type": "json_object" }))).await;
            assert!(serde_json::from_str::<Value>(&text).unwrap().is_object(), "{model}: {text}");
            let text = said(&service, &account.key, &body(json!({ "type": "text" }))).await;
            assert!(text.contains("A story as JSON, please."), "{model}: {text}");
            for strict in [false, true] {
                let body = body(schema(strict));
                if model == "deepseek-v3" {
                    wrong_field(&complete(&service, &account.key, &body).await, "response_format.type");
                    continue;
                }
                let text = said(&service, &account.key, &body).await;
                let expected = json!({ "title": "sample title", "tags": ["a"] });
                assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected, "{model}");
            }
        }
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

async fn texts_end_where_they_are_to_stop(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (_, model) in MODELS {
        for stop in [json!("river"), json!(["nowhere", "river"])] {
            let body = with(asking(model, "Along the river and home."), &json!({ "stop": stop }));
            if ["openai", "xai"].iter().any(|vendor| MODELS.contains(&(vendor, model))) {
                wrong_field(&complete(&service, &account.key, &body).await, "stop");
            } else {
                let text = said(&service, &account.key, &body).await;
                assert!(text.ends_with("Along the"), "{model}: {text}");
            }
        }
    }
}

async fn what_a_vendor_cannot_do_is_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let json_object = || json!({ "type": "json_object" });
    let tool = |strict: bool| {
        let function = json!({ "name": "f", "parameters": { "type": "object" }, "strict": strict });
        json!([{ "type": "function", "function": function }])
    };
    let array =
        json!({ "type": "json_schema", "json_schema": { "name": "list", "schema": { "type": "array" } } });
    const STRICT: &str = "tools[0].function.strict";
    for (model, more, field) in [
        ("gpt-5-nano", json!({ "response_format": json_object() }), "messages"),
        ("gpt-5.2-pro", json!({ "response_format": json_object() }), "messages"),
        ("deepseek-v3", json!({ "response_format": json_object() }), "messages"),
        ("deepseek-v3", json!({ "tools": tool(true) }), STRICT),
        ("deepseek-r1", json!({ "tools": tool(false) }), "tools"),
        ("grok-4-fast", json!({ "tools": tool(true) }), STRICT),
        ("gemini-2.5-flash", json!({ "tools": tool(true) }), STRICT),
        (
            "gemini-2.5-flash",
            json!({ "tools": tool(false), "response_format": json_object() }),
            "response_format",
        ),
        (
            "claude-haiku-4.5",
            json!({ "tools": tool(false), "response_format": json_object() }),
            "response_format",
        ),
        ("claude-haiku-4.5", json!({ "response_format": array }), "response_format.json_schema.schema.type"),
        ("claude-haiku-4.5", json!({ "stop": "\n" }), "stop"),
        ("claude-haiku-4.5", json!({ "temperature": 0.5, "top_p": 0.5 }), "top_p"),
        ("gpt-5-nano", json!({ "temperature": 0.5 }), "temperature"),
    ] {
        let body = with(asking(model, "A story, please."), &more);
        wrong_field(&complete(&service, &account.key, &body).await, field);
    }
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
    for (model, more) in [
        ("claude-haiku-4.5", json!({ "tools": tool(true) })),
        ("gpt-5-nano", json!({ "tools": tool(true), "response_format": schema(true) })),
    ] {
        complete(&service, &account.key, &with(asking(model, "A story."), &more)).await.expect(200);
    }
}
