//! Functions and JSON: what adapters say of them, and what they understand.

use crate::subject::{SUBJECTS, Subject};
use domain::{
    params::FieldError,
    port::{Answer, Call, FinishReason, Input, ProviderError, ProviderErrorKind},
    text::{
        ChatOptions, FunctionCall, JsonSchema, Message, Part, ResponseFormat, Role, TextInput, Tool,
        ToolCall, ToolChoice, ToolResult,
    },
};
use providers::{Body, Request};
use serde_json::{Value, json};

/// Also what the fixtures of good answers call the first function with.
const ARGUMENTS: &str = r#"{"city":"Тверь","days":2}"#;
const SIGNATURE: &str = "EqQBCkYIAxgC";

fn call(name: &str, arguments: &str, signature: Option<&str>) -> FunctionCall {
    FunctionCall {
        name: name.to_owned(),
        arguments: arguments.to_owned(),
        signature: signature.map(str::to_owned),
    }
}

fn tools(subject: &Subject) -> Vec<Tool> {
    let schema = json!({
        "type": "object",
        "properties": { "city": { "type": "string" }, "days": { "type": "integer" } },
        "required": ["city"],
    });
    let strict = ["openai", "anthropic"].contains(&subject.vendor);
    vec![
        Tool {
            name: "get_weather".to_owned(),
            description: Some("The weather.".to_owned()),
            parameters: schema,
            strict,
        },
        Tool {
            name: "read_clock".to_owned(),
            description: None,
            parameters: json!({ "type": "object", "properties": {} }),
            strict: false,
        },
    ]
}

/// Functions that have been called, and what they gave.
fn round(subject: &Subject, signature: Option<&str>) -> Vec<Message> {
    let signature = signature.filter(|_| subject.vendor == "google");
    let calls = [call("get_weather", ARGUMENTS, signature), call("read_clock", "{}", None)];
    let calls = calls.into_iter().enumerate();
    let calls = calls.map(|(n, function)| Part::ToolCall(ToolCall { id: format!("call_1_{n}"), function }));
    let result = |n: usize, name: &str, text: &str| {
        let (call_id, name, text) = (format!("call_1_{n}"), name.to_owned(), text.to_owned());
        Message { role: Role::Tool, parts: vec![Part::ToolResult(ToolResult { call_id, name, text })] }
    };
    vec![
        Message::text(Role::User, "How is it there?"),
        Message {
            role: Role::Assistant,
            parts: std::iter::once(Part::Text("Let me look.".to_owned())).chain(calls).collect(),
        },
        result(0, "get_weather", "Snow."),
        result(1, "read_clock", ""),
        Message::text(Role::User, "And then?"),
    ]
}

fn asking(subject: &Subject, messages: Vec<Message>, options: ChatOptions, stream: bool) -> Call {
    let input =
        TextInput { system: None, messages, max_output_tokens: 512, temperature: None, top_p: None, options };
    subject.call_with(input, stream)
}

fn with_tools(subject: &Subject, stream: bool) -> Call {
    let stop = if subject.name == "openai_responses" { Vec::new() } else { vec!["END".to_owned()] };
    let tool_choice = ToolChoice::Function("get_weather".to_owned());
    let options = ChatOptions { tools: tools(subject), tool_choice, stop, ..ChatOptions::default() };
    asking(subject, round(subject, Some(SIGNATURE)), options, stream)
}

fn story() -> ResponseFormat {
    ResponseFormat::JsonSchema(JsonSchema {
        name: "story".to_owned(),
        description: Some("A story.".to_owned()),
        schema: json!({
            "type": "object",
            "properties": { "title": { "type": "string" } },
            "required": ["title"],
            "additionalProperties": false,
        }),
        strict: true,
    })
}

fn with_format(subject: &Subject, words: &str, format: ResponseFormat, stream: bool) -> Call {
    let options = ChatOptions { format, ..ChatOptions::default() };
    asking(subject, vec![Message::text(Role::User, words)], options, stream)
}

fn body(request: &Request) -> Value {
    let Body::Bytes(body) = &request.body else { panic!("a conversation holds no files") };
    serde_json::from_slice(body).unwrap()
}

fn encoded(subject: &Subject, call: &Call) -> Value {
    body(&subject.chat().encode(call).unwrap())
}

fn golden(subject: &Subject, file: &str) -> Value {
    serde_json::from_slice(&subject.fixture(file)).unwrap()
}

#[test]
fn functions_are_said_as_documented() {
    for subject in &SUBJECTS {
        let expected = golden(subject, "request_tools.json");
        assert_eq!(encoded(subject, &with_tools(subject, false)), expected, "{}", subject.name);
    }
}

#[test]
fn json_is_asked_for_as_documented() {
    for subject in &SUBJECTS {
        let format = if subject.vendor == "deepseek" { ResponseFormat::JsonObject } else { story() };
        let call = with_format(subject, "A story as JSON.", format, false);
        assert_eq!(encoded(subject, &call), golden(subject, "request_json.json"), "{}", subject.name);
    }
}

#[test]
fn choices_are_said_in_the_vendors_words() {
    let check = |name: &str, place: &str, words: [Value; 3]| {
        let subject = Subject::named(name);
        for (choice, expected) in
            [ToolChoice::Auto, ToolChoice::None, ToolChoice::Required].into_iter().zip(words)
        {
            let options =
                ChatOptions { tools: tools(subject), tool_choice: choice, ..ChatOptions::default() };
            let call = asking(subject, vec![Message::text(Role::User, "Hello.")], options, false);
            assert_eq!(
                encoded(subject, &call).pointer(place).cloned().unwrap_or_default(),
                expected,
                "{name}"
            );
        }
    };
    for name in ["openai", "openai_responses", "deepseek", "xai"] {
        check(name, "/tool_choice", [Value::Null, json!("none"), json!("required")]);
    }
    check("anthropic", "/tool_choice/type", [json!("auto"), json!("none"), json!("any")]);
    check("google", "/toolConfig/functionCallingConfig/mode", [json!("AUTO"), json!("NONE"), json!("ANY")]);
}

#[test]
fn a_json_object_is_asked_for_without_a_schema() {
    let check = |name: &str, place: &str, expected: Value| {
        let subject = Subject::named(name);
        let call = with_format(subject, "JSON, please.", ResponseFormat::JsonObject, false);
        assert_eq!(encoded(subject, &call).pointer(place), Some(&expected), "{name}");
    };
    for name in ["openai", "deepseek", "xai"] {
        check(name, "/response_format", json!({ "type": "json_object" }));
    }
    check("openai_responses", "/text/format", json!({ "type": "json_object" }));
    check("google", "/generationConfig/responseMimeType", json!("application/json"));
    check("anthropic", "/tool_choice", json!({ "type": "tool", "name": "answer" }));
    check("anthropic", "/tools/0/input_schema", json!({ "type": "object" }));
}

#[test]
fn gemini_3_wants_a_signature_on_the_first_call_of_a_turn() {
    let subject = Subject::named("google");
    let check = |model: &str, signature: Option<&str>, expected: Option<&str>| {
        let mut call = asking(subject, round(subject, signature), ChatOptions::default(), false);
        call.upstream.model = model.to_owned();
        let parts = encoded(subject, &call)["contents"][1]["parts"].clone();
        assert_eq!(parts[1]["thoughtSignature"].as_str(), expected, "{model}");
        assert_eq!(parts[2].get("thoughtSignature"), None, "{model}");
    };
    check("gemini-3.1-pro-preview", Some("abc"), Some("abc"));
    check("gemini-3.1-pro-preview", None, Some("skip_thought_signature_validator"));
    check("gemini-2.5-flash", None, None);
}

/// Reads the fixture of a streamed answer, whole and byte by byte, which must come to the same.
fn streamed(subject: &Subject, call: &Call, file: &str) -> Result<Answer, ProviderError> {
    let bytes = subject.fixture(file);
    let read = |size: usize| {
        let mut decoder = subject.chat().stream_decoder(call);
        let mut text = String::new();
        for piece in bytes.chunks(size) {
            decoder.push(piece, &mut |delta| text.push_str(delta))?;
        }
        let answer = decoder.finish()?;
        assert_eq!(answer.text, text, "{}", subject.name);
        Ok(answer)
    };
    assert_eq!(read(1), read(bytes.len()), "{}", subject.name);
    read(7)
}

fn calling(subject: &Subject) -> Answer {
    let signature = (subject.vendor == "google").then_some(SIGNATURE);
    Answer {
        text: String::new(),
        tool_calls: vec![call("get_weather", ARGUMENTS, signature), call("read_clock", "{}", None)],
        ..subject.answer(FinishReason::ToolCalls)
    }
}

#[test]
fn calls_are_read_plain_and_streamed() {
    for subject in &SUBJECTS {
        let call = with_tools(subject, false);
        let whole = subject.chat().decode(&call, &subject.response(200, "answer_tools.json"));
        assert_eq!(whole, Ok(calling(subject)), "{}", subject.name);
        let call = with_tools(subject, true);
        assert_eq!(streamed(subject, &call, "stream_tools.sse"), Ok(calling(subject)), "{}", subject.name);
    }
}

#[test]
fn cut_calls_never_look_whole() {
    for subject in &SUBJECTS {
        let body = subject.fixture("stream_tools.sse");
        let whole = body.trim_ascii_end().len();
        // Everywhere would take as long as it is thorough; near the end it is.
        for length in (0..whole).step_by(97).chain(whole - 60..=whole) {
            let mut decoder = subject.chat().stream_decoder(&with_tools(subject, true));
            let result = decoder.push(&body[..length], &mut |_| {}).and_then(|()| decoder.finish());
            assert_eq!(result.unwrap_err().kind, ProviderErrorKind::StreamCut, "{} {length}", subject.name);
        }
    }
}

#[test]
fn anthropics_arguments_are_the_text_of_an_answer_in_json() {
    let subject = Subject::named("anthropic");
    let check = |answer: Result<Answer, ProviderError>, text: &str| {
        let answer = answer.unwrap();
        assert_eq!((answer.text.as_str(), answer.finish_reason), (text, FinishReason::Stop));
        assert_eq!(answer.tool_calls, []);
    };
    let asked = |stream| with_format(subject, "A story.", story(), stream);
    check(
        subject.chat().decode(&asked(false), &subject.response(200, "answer_json.json")),
        r#"{"title":"Снег"}"#,
    );
    check(streamed(subject, &asked(true), "stream_json.sse"), r#"{"title":"Снег"}"#);
    check(streamed(subject, &asked(true), "stream_json_empty.sse"), "{}");
}

fn wrong(subject: &Subject, call: &Call) -> Vec<String> {
    subject.chat().check(call).into_iter().map(|FieldError { field, .. }| field).collect()
}

#[test]
fn what_a_vendor_cannot_do_is_named() {
    for subject in &SUBJECTS {
        assert_eq!(wrong(subject, &subject.call(false)), [] as [&str; 0], "{}", subject.name);
        let refuses_stop = ["openai", "xai"].contains(&subject.name);
        let expected: &[&str] = if refuses_stop { &["stop"] } else { &[] };
        assert_eq!(wrong(subject, &with_tools(subject, false)), expected, "{}", subject.name);

        let mut strict = with_tools(subject, false);
        let Input::Text(input) = &mut strict.input;
        input.options.stop.clear();
        input.options.tools[1].strict = true;
        let takes_strict = ["openai", "anthropic"].contains(&subject.vendor);
        let expected: &[&str] = if takes_strict { &[] } else { &["tools[1].function.strict"] };
        assert_eq!(wrong(subject, &strict), expected, "{}", subject.name);

        let silent = with_format(subject, "A story.", ResponseFormat::JsonObject, false);
        let needs_word = ["openai", "deepseek"].contains(&subject.vendor);
        let expected: &[&str] = if needs_word { &["messages"] } else { &[] };
        assert_eq!(wrong(subject, &silent), expected, "{}", subject.name);
    }
    let thinking = |thinking: Option<&str>| {
        let subject = Subject::named("deepseek");
        let mut call = with_tools(subject, false);
        call.upstream.params.remove("thinking");
        call.upstream.params.extend(thinking.map(|word| ("thinking".to_owned(), word.to_owned())));
        wrong(subject, &call)
    };
    assert_eq!(thinking(Some("enabled")), ["tools"]);
    assert_eq!(thinking(None), ["tools"]);
    assert_eq!(thinking(Some("disabled")), [] as [&str; 0]);
    let openai = Subject::named("openai");
    let mut call = with_tools(openai, false);
    call.upstream.model = "gpt-4.1".to_owned();
    assert_eq!(wrong(openai, &call), [] as [&str; 0]);
    let xai = Subject::named("xai");
    let mut call = with_tools(xai, false);
    call.upstream.model = "grok-4.3-non-reasoning".to_owned();
    assert_eq!(wrong(xai, &call), [] as [&str; 0]);
}

/// Calls that went before are of use to a model only as far as its vendor takes them.
#[test]
fn calls_without_the_functions_are_refused_where_they_cannot_be_said() {
    for subject in &SUBJECTS {
        let history = |format| {
            let options = ChatOptions { format, ..ChatOptions::default() };
            wrong(subject, &asking(subject, round(subject, None), options, false))
        };
        let expected: &[&str] = if subject.name == "anthropic" { &["tools"] } else { &[] };
        assert_eq!(history(ResponseFormat::Text), expected, "{}", subject.name);
    }
    let subject = Subject::named("anthropic");
    let options = ChatOptions { format: story(), ..ChatOptions::default() };
    assert_eq!(wrong(subject, &asking(subject, round(subject, None), options, false)), [] as [&str; 0]);
    let subject = Subject::named("deepseek");
    let mut thinking = asking(subject, round(subject, None), ChatOptions::default(), false);
    thinking.upstream.params.remove("thinking");
    assert_eq!(wrong(subject, &thinking), ["messages"]);
}

/// Google knows a result by its place alone.
#[test]
fn results_go_to_google_in_the_order_of_their_calls() {
    let subject = Subject::named("google");
    let mut call = with_tools(subject, false);
    let expected = encoded(subject, &call);
    let Input::Text(input) = &mut call.input;
    input.messages.swap(2, 3);
    assert_eq!(encoded(subject, &call), expected);
}

/// Takes the words out of an answer.
fn silence(answer: &mut Value) {
    match answer {
        Value::Array(items) => items.iter_mut().for_each(silence),
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(text) if ["text", "content"].contains(&name.as_str()) => text.clear(),
                    member => silence(member),
                }
            }
        }
        _ => {}
    }
}

/// A model may stop before its first word, and have nothing to add to what its calls gave.
#[test]
fn silence_is_an_answer_only_where_it_was_asked_for() {
    for subject in &SUBJECTS {
        let mut silent = subject.response(200, "answer.json");
        let mut answer = serde_json::from_slice(&silent.body).unwrap();
        silence(&mut answer);
        silent.body = answer.to_string().into_bytes();
        let mut messages = round(subject, None);
        messages.pop();
        let options = ChatOptions { tools: tools(subject), ..ChatOptions::default() };
        let after_results = asking(subject, messages, options, false);
        let options = ChatOptions { stop: vec!["END".to_owned()], ..ChatOptions::default() };
        let stopped = asking(subject, vec![Message::text(Role::User, "Hello.")], options, false);
        for call in [after_results, stopped] {
            let answer = subject.chat().decode(&call, &silent);
            let answer = answer.unwrap_or_else(|error| panic!("{}: {error}", subject.name));
            assert_eq!((answer.text.as_str(), answer.finish_reason), ("", FinishReason::Stop));
        }
        let error = subject.chat().decode(&subject.call(false), &silent).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::BadResponse, "{}", subject.name);
    }
}
