//! Functions: asked for, called, and answered with what they gave.

use super::{asking, complete, recorded, with, wrong_field};
use crate::MODELS;
use serde_json::{Value, json};
use testkit::{Service, TestDatabase};

testkit::on_each_database!(
    a_call_goes_round,
    calls_come_at_the_end_of_a_stream,
    a_choice_is_kept,
    what_is_wrong_with_functions_is_refused,
);

fn function(name: &str, description: &str, properties: Value) -> Value {
    let required: Vec<String> = properties.as_object().unwrap().keys().cloned().collect();
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({
        "type": "function",
        "function": { "name": name, "description": description, "parameters": schema },
    })
}

/// Two functions, the second of which takes nothing.
fn tools() -> Value {
    let place = json!({ "city_name": { "type": "string" }, "days": { "type": "integer", "minimum": 2 } });
    let clock = json!({ "type": "function", "function": { "name": "read_clock" } });
    json!([function("get_weather", "The weather somewhere.", place), clock])
}

/// The arguments that the sandbox makes up.
fn arguments() -> Value {
    json!({ "city_name": "sample city_name", "days": 2 })
}

fn arguments_of(call: &Value) -> Value {
    serde_json::from_str(call["function"]["arguments"].as_str().unwrap()).unwrap()
}

async fn a_call_goes_round(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    // The last one wants its own signature back.
    for model in MODELS.into_iter().map(|(_, model)| model).chain(["gemini-3-pro"]) {
        let question = asking(model, "What is the weather in Tver, and what does the clock say?");
        let body = with(question, &json!({ "tools": tools() }));
        let reply = complete(&service, &account.key, &body).await;
        let answer = reply.expect(200);
        let choice = &answer["choices"][0];
        assert_eq!(choice["finish_reason"], "tool_calls", "{answer:#}");
        assert_eq!(choice["message"]["content"], Value::Null, "{answer:#}");
        let calls = choice["message"]["tool_calls"].as_array().unwrap();
        let [weather, clock] = calls.as_slice() else { panic!("{answer:#}") };
        for (call, name, expected) in
            [(weather, "get_weather", arguments()), (clock, "read_clock", json!({}))]
        {
            assert_eq!((&call["type"], &call["function"]["name"]), (&json!("function"), &json!(name)));
            assert_eq!(arguments_of(call), expected, "{model}");
        }
        assert_ne!(weather["id"], clock["id"]);
        let record = recorded(&service, &account.key, &reply).await;
        assert_eq!((&record["status"], &record["result_text"]), (&json!("completed"), &Value::Null));
        assert_eq!(record["result_metadata"]["tool_calls"][0]["id"], weather["id"], "{record:#}");
        assert!(record["tokens_spent"].as_i64().unwrap() > 0, "{record:#}");

        for signed in [true, false] {
            let said = finish_round(&service, &account.key, &body, &choice["message"], signed).await;
            assert!(said.contains("SNOW-IN-TVER") && said.contains("NOON"), "{model}: {said}");
        }
    }
    assert_eq!(service.assert_verifies().await.open_holds, 0);
}

/// Tells the model what its two calls gave, and gives what it says to that.
async fn finish_round(service: &Service, key: &str, body: &Value, message: &Value, signed: bool) -> String {
    let mut message = message.clone();
    let mut results = Vec::new();
    for (call, result) in
        message["tool_calls"].as_array_mut().unwrap().iter_mut().zip(["SNOW-IN-TVER", "NOON"])
    {
        if !signed {
            call.as_object_mut().unwrap().remove("extra_content");
        }
        results.push(json!({ "role": "tool", "tool_call_id": call["id"], "content": result }));
    }
    let mut body = body.clone();
    let messages = body["messages"].as_array_mut().unwrap();
    messages.push(message);
    messages.extend(results);
    let answer = complete(service, key, &body).await.expect(200);
    assert_eq!(answer["choices"][0]["finish_reason"], "stop", "{answer:#}");
    answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
}

async fn calls_come_at_the_end_of_a_stream(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    for (_, model) in MODELS {
        let body = asking(model, "What is the weather, and what does the clock say?");
        let body = with(body, &json!({ "tools": tools(), "stream": true }));
        let reply = complete(&service, &account.key, &body).await;
        let events = reply.events();
        let choices: Vec<&Value> =
            events.iter().filter(|event| event.is_object()).map(|event| &event["choices"][0]).collect();
        let [_, weather, clock, end] = choices.as_slice() else { panic!("{model}: {events:#?}") };
        for (index, choice, name, expected) in
            [(0, weather, "get_weather", arguments()), (1, clock, "read_clock", json!({}))]
        {
            let call = &choice["delta"]["tool_calls"][0];
            assert_eq!((&call["index"], &call["function"]["name"]), (&json!(index), &json!(name)));
            assert_eq!(arguments_of(call), expected, "{model}");
        }
        assert_eq!(end["finish_reason"], "tool_calls", "{model}");
        assert_eq!(events.last(), Some(&json!("[DONE]")));
    }
}

async fn a_choice_is_kept(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let named = json!({ "type": "function", "function": { "name": "read_clock" } });
    for (_, model) in MODELS {
        for (choice, words, expected) in [
            (json!("auto"), "Tell me a story.", None),
            (json!("none"), "What is the weather?", None),
            (json!("required"), "Tell me a story.", Some("get_weather")),
            (named.clone(), "What is the weather?", Some("read_clock")),
        ] {
            let body = with(asking(model, words), &json!({ "tools": tools(), "tool_choice": choice }));
            let answer = complete(&service, &account.key, &body).await.expect(200);
            let message = &answer["choices"][0]["message"];
            let called = message["tool_calls"][0]["function"]["name"].as_str();
            assert_eq!(called, expected, "{model} {choice}: {answer:#}");
            assert_eq!(message["content"].is_string(), expected.is_none(), "{answer:#}");
        }
    }
}

async fn what_is_wrong_with_functions_is_refused(database: TestDatabase) {
    let service = Service::start(&database).await;
    let account = service.account("vip", 0).await;
    let check = async |more: Value, field: &str| {
        let body = with(asking("claude-haiku-4.5", "What is the weather?"), &more);
        wrong_field(&complete(&service, &account.key, &body).await, field);
    };
    let one = |function: Value| json!({ "tools": [{ "type": "function", "function": function }] });
    check(json!({ "tools": "all" }), "tools").await;
    check(json!({ "tools": [{ "type": "web_search" }] }), "tools[0].type").await;
    check(json!({ "tools": [{ "type": "function" }] }), "tools[0].function").await;
    check(one(json!({ "name": "a b" })), "tools[0].function.name").await;
    check(one(json!({ "name": "f", "parameters": { "type": "string" } })), "tools[0].function.parameters")
        .await;
    check(one(json!({ "name": "f", "returns": {} })), "tools[0].function.returns").await;
    check(json!({ "tools": [tools()[1], tools()[1]] }), "tools[1].function.name").await;
    check(json!({ "tools": vec![&tools()[0]; 129] }), "tools").await;
    check(json!({ "tool_choice": "auto" }), "tool_choice").await;
    check(json!({ "tools": tools(), "tool_choice": "always" }), "tool_choice").await;
    let other = json!({ "type": "function", "function": { "name": "other" } });
    check(json!({ "tools": tools(), "tool_choice": other }), "tool_choice").await;
    let long = json!({ "name": "f", "description": "x".repeat(6_000) });
    check(one(long), "messages").await;

    let call = |id: &str, arguments: &str| json!({ "id": id, "type": "function", "function": { "name": "f", "arguments": arguments } });
    let said = |calls: Value| json!({ "role": "assistant", "tool_calls": calls });
    let gave = |id: &str| json!({ "role": "tool", "tool_call_id": id, "content": "1" });
    let user = json!({ "role": "user", "content": "hi" });
    let messages = |messages: &[&Value]| json!({ "messages": messages });
    let good = said(json!([call("call_1", "{}")]));
    check(messages(&[&user, &good]), "messages").await;
    check(messages(&[&user, &good, &user]), "messages[2]").await;
    check(messages(&[&user, &gave("call_1")]), "messages[1].tool_call_id").await;
    check(messages(&[&user, &good, &gave("call_2")]), "messages[2].tool_call_id").await;
    check(messages(&[&user, &good, &gave("call_1"), &gave("call_1")]), "messages[3].tool_call_id").await;
    let broken = said(json!([call("call_1", "{")]));
    check(messages(&[&user, &broken, &gave("call_1")]), "messages[1].tool_calls[0].function.arguments").await;
    let odd = said(json!([call("call 1", "{}")]));
    check(messages(&[&user, &odd]), "messages[1].tool_calls[0].id").await;
    let twice = said(json!([call("call_1", "{}"), call("call_1", "{}")]));
    check(messages(&[&user, &twice, &gave("call_1"), &gave("call_1")]), "messages[1].tool_calls[1].id").await;
    assert_eq!((service.calls().await, service.balance(&account.key).await), (0, 1_500));
}
