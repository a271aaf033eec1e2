//! What adapters say.

use crate::subject::{SUBJECTS, Subject};
use domain::{
    port::{Input, ProviderErrorKind},
    text::{Image, Message, Part, Role},
};
use providers::{Body, Request};
use serde_json::{Value, json};

fn text(request: Request) -> String {
    let Body::Bytes(body) = request.body else { panic!("a conversation holds no files") };
    String::from_utf8(body).unwrap()
}

fn body(request: &Request) -> Value {
    serde_json::from_str(&text(request.clone())).unwrap()
}

#[test]
fn rich_conversations_are_said_as_documented() {
    for subject in &SUBJECTS {
        let request = subject.chat().encode(&subject.rich_call()).unwrap();
        let golden: Value = serde_json::from_slice(&subject.fixture("request.json")).unwrap();
        assert_eq!(body(&request), golden, "{}", subject.name);
    }
}

#[test]
fn decimals_are_exact() {
    for subject in &SUBJECTS {
        let request = subject.chat().encode(&subject.rich_call()).unwrap();
        let text = text(request);
        assert!(text.contains(":0.7,") || text.contains(":0.7}"), "{text}");
        assert!(text.contains(":0.95,") || text.contains(":0.95}"), "{text}");
    }
}

#[test]
fn streams_are_asked_for() {
    let check = |name: &str, path: &str, fields: Value| {
        let subject = Subject::named(name);
        let plain = subject.chat().encode(&subject.call(false)).unwrap();
        let stream = subject.chat().encode(&subject.call(true)).unwrap();
        assert_eq!((stream.method.as_str(), stream.path.as_str()), ("POST", path), "{name}");
        let mut expected = body(&plain);
        expected.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(body(&stream), expected, "{name}");
    };
    let with_usage = || json!({ "stream": true, "stream_options": { "include_usage": true } });
    check("openai", "/chat/completions", with_usage());
    check("openai_responses", "/responses", json!({ "stream": true }));
    check("anthropic", "/v1/messages", json!({ "stream": true }));
    check("google", "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse", json!({}));
    check("deepseek", "/chat/completions", with_usage());
    check("xai", "/chat/completions", with_usage());
}

#[test]
fn headers_and_paths_are_as_documented() {
    for subject in &SUBJECTS {
        let request = subject.chat().encode(&subject.call(false)).unwrap();
        assert_eq!(request.headers["content-type"], "application/json");
        let version = request.headers.get("anthropic-version").map(|value| value.to_str().unwrap());
        assert_eq!(version, (subject.vendor == "anthropic").then_some("2023-06-01"));
    }
    let google = Subject::named("google");
    let request = google.chat().encode(&google.call(false)).unwrap();
    assert_eq!(request.path, "/v1beta/models/gemini-2.5-flash:generateContent");
}

#[test]
fn models_of_responses_alone_need_no_setting() {
    let check = |model: &str, api: Option<&str>, path: &str| {
        let mut call = Subject::named("openai").call(false);
        call.upstream.model = model.to_owned();
        call.upstream.params.extend(api.map(|api| ("api".to_owned(), api.to_owned())));
        let request = Subject::named("openai").chat().encode(&call).unwrap();
        assert_eq!(request.path, path, "{model} {api:?}");
    };
    check("gpt-5.2", None, "/chat/completions");
    check("gpt-5.2", Some("responses"), "/responses");
    check("gpt-5.2-pro", None, "/responses");
    check("gpt-5.2-pro-2025-12-11", None, "/responses");
    check("gpt-5.2-pro", Some("chat"), "/chat/completions");
}

#[test]
fn unknown_settings_are_refused_by_name() {
    for subject in &SUBJECTS {
        let mut call = subject.call(false);
        call.upstream.params.insert("resolution".into(), "2K".into());
        let error = subject.chat().encode(&call).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::RejectedRequest, "{}", subject.name);
        assert!(error.message.contains("resolution"), "{}", error.message);
    }
}

#[test]
fn wrong_settings_are_refused() {
    let check = |name: &str, setting: &str, value: &str| {
        let mut call = Subject::named(name).call(false);
        call.upstream.params.insert(setting.into(), value.into());
        let error = Subject::named(name).chat().encode(&call).unwrap_err();
        assert_eq!(error.kind, ProviderErrorKind::RejectedRequest);
        assert!(error.message.contains(setting), "{}", error.message);
    };
    check("openai", "api", "completions");
    check("google", "thinking_budget", "lots");
}

#[test]
fn google_takes_a_thinking_level() {
    let mut call = Subject::named("google").call(false);
    call.upstream.params = [("thinking_level".to_owned(), "LOW".to_owned())].into();
    let request = Subject::named("google").chat().encode(&call).unwrap();
    assert_eq!(body(&request)["generationConfig"]["thinkingConfig"], json!({ "thinkingLevel": "LOW" }));
}

#[test]
fn google_takes_no_image_by_url() {
    let mut call = Subject::named("google").call(false);
    let Input::Text(input) = &mut call.input;
    let image = Part::Image(Image::Url("https://example.com/a.jpg".into()));
    input.messages.push(Message { role: Role::User, parts: vec![image] });
    let error = Subject::named("google").chat().encode(&call).unwrap_err();
    assert_eq!(error.kind, ProviderErrorKind::RejectedRequest);
}
