//! Functions and JSON, as each vendor takes them and answers.

use crate::lab::{
    ANTHROPIC, DEEPSEEK, ENDPOINTS, Endpoint, GOOGLE, Got, Kind, Lab, OPENAI_CHAT, OPENAI_RESPONSES, XAI,
};
use serde_json::{Value, json};

const NAME: &str = "get_weather";

/// `body` with the fields of `more`.
fn with(mut body: Value, more: Value) -> Value {
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    body
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "city_name": { "type": "string" } } })
}

/// A function, offered in the vendor's own words.
fn tools(endpoint: Endpoint) -> Value {
    let (name, about) = (NAME, "The weather.");
    json!({ "tools": [match endpoint.kind {
        Kind::Chat => {
            json!({ "type": "function", "function": { "name": name, "description": about, "parameters": schema() } })
        }
        Kind::Responses => {
            json!({ "type": "function", "name": name, "description": about, "parameters": schema(), "strict": false })
        }
        Kind::Messages => json!({ "name": name, "description": about, "input_schema": schema() }),
        Kind::Gemini => json!({ "functionDeclarations": [
            { "name": name, "description": about, "parametersJsonSchema": schema() },
        ] }),
    }] })
}

/// The wish that a function be called.
fn must_call(endpoint: Endpoint) -> Value {
    match endpoint.kind {
        Kind::Chat | Kind::Responses => json!({ "tool_choice": "required" }),
        Kind::Messages => json!({ "tool_choice": { "type": "any" } }),
        Kind::Gemini => json!({ "toolConfig": { "functionCallingConfig": { "mode": "ANY" } } }),
    }
}

async fn ask(lab: &Lab, endpoint: Endpoint, stream: bool, body: &Value) -> Got {
    let got = lab.post(endpoint.service, &endpoint.path(stream), body).await;
    assert_eq!(got.status, 200, "{endpoint:?}: {got:?}");
    got
}

/// What a whole answer calls the function with.
fn called(endpoint: Endpoint, got: &Got) -> Option<Value> {
    let json = got.json();
    let parse = |text: &Value| serde_json::from_str(text.as_str().unwrap()).unwrap();
    match endpoint.kind {
        Kind::Chat => {
            let call = &json["choices"][0]["message"]["tool_calls"][0]["function"];
            (call["name"] == NAME).then(|| parse(&call["arguments"]))
        }
        Kind::Responses => {
            let items = json["output"].as_array().unwrap();
            items.iter().find(|item| item["name"] == NAME).map(|call| parse(&call["arguments"]))
        }
        Kind::Messages => (json["content"][0]["name"] == NAME).then(|| json["content"][0]["input"].clone()),
        Kind::Gemini => {
            let call = &json["candidates"][0]["content"]["parts"][0]["functionCall"];
            (call["name"] == NAME).then(|| call["args"].clone())
        }
    }
}

#[tokio::test]
async fn functions_are_called_when_the_prompt_means_them_or_they_must_be() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        for (words, must, is_called) in [
            ("How is the weather?", false, true),
            ("Tell me a story.", false, false),
            ("Tell me a story.", true, true),
        ] {
            let mut body = with(endpoint.body(words, false), tools(endpoint));
            if must {
                body = with(body, must_call(endpoint));
            }
            let got = ask(&lab, endpoint, false, &body).await;
            let expected = is_called.then(|| json!({ "city_name": "sample city_name" }));
            assert_eq!(called(endpoint, &got), expected, "{endpoint:?} {words}: {got:?}");
        }
    }
}

#[tokio::test]
async fn calls_are_streamed_in_the_vendors_own_pieces() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let body = with(endpoint.body("How is the weather?", true), tools(endpoint));
        let got = ask(&lab, endpoint, true, &body).await;
        let pieces = got.events().into_iter().filter_map(|event| {
            let piece = match endpoint.kind {
                Kind::Chat => event["choices"][0]["delta"]["tool_calls"][0]["function"]["arguments"].clone(),
                Kind::Responses if event["type"] == "response.function_call_arguments.delta" => {
                    event["delta"].clone()
                }
                Kind::Responses => Value::Null,
                Kind::Messages => event["delta"]["partial_json"].clone(),
                Kind::Gemini => {
                    let call = &event["candidates"][0]["content"]["parts"][0]["functionCall"]["args"];
                    if call.is_null() { Value::Null } else { json!(call.to_string()) }
                }
            };
            piece.as_str().map(str::to_owned)
        });
        let arguments = pieces.collect::<String>();
        let expected = json!({ "city_name": "sample city_name" });
        assert_eq!(serde_json::from_str::<Value>(&arguments).unwrap(), expected, "{endpoint:?}");
        assert_eq!(endpoint.deltas(&got), [] as [&str; 0], "{endpoint:?}");
    }
}

/// A conversation in which the function has been called and gave `SNOW`, in the vendor's own words.
fn round(endpoint: Endpoint) -> Value {
    let user = json!({ "role": "user", "content": "How is the weather?" });
    let function = json!({ "name": NAME, "arguments": "{}" });
    match endpoint.kind {
        Kind::Chat => json!({ "messages": [
            user,
            { "role": "assistant", "content": null, "reasoning_content": "Hm.",
              "tool_calls": [{ "id": "c1", "type": "function", "function": function }] },
            { "role": "tool", "tool_call_id": "c1", "content": "SNOW" },
        ] }),
        Kind::Responses => json!({ "input": [
            user,
            { "type": "function_call", "call_id": "c1", "name": NAME, "arguments": "{}" },
            { "type": "function_call_output", "call_id": "c1", "output": "SNOW" },
        ] }),
        Kind::Messages => json!({ "messages": [
            user,
            { "role": "assistant", "content": [{ "type": "tool_use", "id": "c1", "name": NAME, "input": {} }] },
            { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "c1", "content": "SNOW" }] },
        ] }),
        Kind::Gemini => json!({ "contents": [
            { "role": "user", "parts": [{ "text": "How is the weather?" }] },
            { "role": "model", "parts": [{ "functionCall": { "name": NAME, "args": {} } }] },
            { "role": "user", "parts": [{ "functionResponse": { "name": NAME, "response": { "result": "SNOW" } } }] },
        ] }),
    }
}

#[tokio::test]
async fn what_a_function_gave_is_answered_in_words() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let body = with(with(endpoint.body("", false), tools(endpoint)), round(endpoint));
        let got = ask(&lab, endpoint, false, &body).await;
        let text = endpoint.text(&got);
        assert!(text.contains("How is the weather? SNOW"), "{endpoint:?}: {text}");
    }
}

#[tokio::test]
async fn a_result_without_its_call_and_a_call_without_its_result_are_refused() {
    let lab = Lab::start().await;
    for endpoint in ENDPOINTS {
        let list = match endpoint.kind {
            Kind::Chat | Kind::Messages => "messages",
            Kind::Responses => "input",
            Kind::Gemini => "contents",
        };
        for missing in [1, 2] {
            let mut body = with(with(endpoint.body("", false), tools(endpoint)), round(endpoint));
            body[list].as_array_mut().unwrap().remove(missing);
            let got = lab.post(endpoint.service, &endpoint.path(false), &body).await;
            assert!([400, 422].contains(&got.status), "{endpoint:?} {missing}: {got:?}");
        }
    }
}

#[tokio::test]
async fn wishes_are_checked_as_the_vendors_check_them() {
    let lab = Lab::start().await;
    let check = async |endpoint: Endpoint, more: Value, words: &str| {
        let body = with(endpoint.body("hello", false), more.clone());
        let got = lab.post(endpoint.service, &endpoint.path(false), &body).await;
        assert!([400, 422].contains(&got.status) && got.body.contains(words), "{more} gave {got:?}");
    };
    let json_object = || json!({ "type": "json_object" });
    check(OPENAI_CHAT, json!({ "stop": "x" }), "'stop' is not supported").await;
    check(OPENAI_CHAT, json!({ "tool_choice": "required" }), "tool_choice").await;
    check(OPENAI_CHAT, json!({ "response_format": json_object() }), "must contain the word 'json'").await;
    let bad = json!({ "name": "f", "parameters": { "type": "string" } });
    check(OPENAI_CHAT, json!({ "tools": [{ "type": "function", "function": bad }] }), "Invalid schema").await;
    let bad = json!({ "name": "a b" });
    check(
        OPENAI_CHAT,
        json!({ "tools": [{ "type": "function", "function": bad }] }),
        "does not match pattern",
    )
    .await;
    check(OPENAI_RESPONSES, json!({ "text": { "format": json_object() } }), "must contain the word 'json'")
        .await;
    let nested = json!({ "type": "function", "function": { "name": "f" } });
    check(OPENAI_RESPONSES, json!({ "tools": [nested] }), "tools[0].function").await;
    check(DEEPSEEK, json!({ "response_format": json_object() }), "must contain the word 'json'").await;
    check(DEEPSEEK, json!({ "response_format": { "type": "json_schema" } }), "unavailable now").await;
    let mut silent = round(DEEPSEEK);
    silent["messages"][1].as_object_mut().unwrap().remove("reasoning_content");
    check(DEEPSEEK, silent, "reasoning_content").await;
    check(XAI, json!({ "stop": ["x"] }), "stop").await;
    check(ANTHROPIC, json!({ "stop_sequences": [" "] }), "non-whitespace").await;
    check(ANTHROPIC, json!({ "tools": [{ "name": "f" }] }), "input_schema").await;
    check(ANTHROPIC, json!({ "response_format": json_object() }), "Extra inputs").await;
    let json_mode = json!({ "responseMimeType": "application/json" });
    check(GOOGLE, with(tools(GOOGLE), json!({ "generationConfig": json_mode })), "is unsupported").await;
    check(GOOGLE, json!({ "generationConfig": { "responseJsonSchema": {} } }), "response_mime_type").await;
    check(
        GOOGLE,
        json!({ "generationConfig": { "stopSequences": ["a", "b", "c", "d", "e", "f"] } }),
        "at most 5",
    )
    .await;

    let mut signing = GOOGLE;
    signing.model = "gemini-3.1-pro-preview";
    check(signing, round(GOOGLE), "missing a thought_signature").await;
    let got =
        ask(&lab, signing, false, &with(signing.body("How is the weather?", false), tools(GOOGLE))).await;
    let part = got.json()["candidates"][0]["content"]["parts"][0].clone();
    let mut signed = round(GOOGLE);
    signed["contents"][1]["parts"][0]["thoughtSignature"] = part["thoughtSignature"].clone();
    ask(&lab, signing, false, &signed).await;
}

#[tokio::test]
async fn answers_come_in_json_and_end_where_they_are_to_stop() {
    let lab = Lab::start().await;
    let story = json!({ "type": "object", "properties": { "title": { "type": "string" } } });
    let format = json!({ "type": "json_schema", "name": "story", "schema": story });
    let chat_format = json!({ "type": "json_schema", "json_schema": { "name": "story", "schema": story } });
    for (endpoint, wish) in [
        (OPENAI_CHAT, json!({ "response_format": chat_format })),
        (XAI, json!({ "response_format": chat_format })),
        (OPENAI_RESPONSES, json!({ "text": { "format": format } })),
        (
            GOOGLE,
            json!({ "generationConfig": { "responseMimeType": "application/json", "responseJsonSchema": story } }),
        ),
    ] {
        let got = ask(&lab, endpoint, false, &with(endpoint.body("A story.", false), wish)).await;
        assert_eq!(endpoint.text(&got), r#"{"title":"sample title"}"#, "{endpoint:?}");
    }
    let wish = json!({ "response_format": { "type": "json_object" } });
    let got = ask(&lab, DEEPSEEK, false, &with(DEEPSEEK.body("A story as JSON.", false), wish)).await;
    assert!(serde_json::from_str::<Value>(&DEEPSEEK.text(&got)).unwrap().is_object());
    for (endpoint, wish) in [
        (ANTHROPIC, json!({ "stop_sequences": ["river"] })),
        (DEEPSEEK, json!({ "stop": "river" })),
        (GOOGLE, json!({ "generationConfig": { "stopSequences": ["river"] } })),
    ] {
        let got = ask(&lab, endpoint, false, &with(endpoint.body("Along the river.", false), wish)).await;
        assert!(endpoint.text(&got).ends_with("Along the"), "{endpoint:?}: {got:?}");
    }
}
