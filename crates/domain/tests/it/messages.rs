//! Conversations.

use crate::{model, object};
use domain::{
    catalog::Purpose,
    params::Milli,
    text::{
        ChatOptions, FunctionCall, IMAGE_COUNTS_AS_CHARS, Image, JsonSchema, MAX_IMAGES, MAX_MESSAGES,
        Message, Part, ResponseFormat, Role, TextInput, Tool, ToolCall, ToolResult,
    },
};
use serde_json::{Value, json};

const PIXEL: &str = "data:image/png;base64,iVBORw0KGgo=";
const PICTURE: &str = "https://example.com/fox.jpg";

fn input(slug: &str, params: &Value) -> Result<TextInput, Vec<String>> {
    let model = model(slug);
    let read = model.read_params(object(params), Purpose::Generate);
    read.map(|params| model.text_input(&params))
        .map_err(|errors| errors.into_iter().map(|e| e.field).collect())
}

/// Exactly these fields are refused, in this order.
fn check_refused(slug: &str, params: &Value, fields: &[&str]) {
    assert_eq!(input(slug, params).unwrap_err(), fields, "{slug} {params}");
}

fn user(content: Value) -> Value {
    json!({"messages": [{"role": "user", "content": content}]})
}

fn image(url: &str) -> Value {
    json!({"type": "image_url", "image_url": {"url": url}})
}

#[test]
fn exactly_one_of_prompt_and_messages() {
    let both = json!({"prompt": "?", "messages": [{"role": "user", "content": "?"}]});
    check_refused("gpt-5", &both, &["messages"]);
    check_refused("gpt-5", &json!({}), &["prompt"]);
    check_refused("gpt-5", &json!({"system": "Be brief."}), &["prompt"]);
    let quoted = model("gpt-5").read_params(object(&both), Purpose::Quote).unwrap_err();
    assert_eq!(quoted.len(), 1);
}

#[test]
fn a_prompt_is_a_message_of_the_user() {
    let asked = input("deepseek-v3", &json!({"prompt": "Why?", "system": "Be brief.", "temperature": 0.7}));
    let expected = TextInput {
        system: Some("Be brief.".to_owned()),
        messages: vec![Message::text(Role::User, "Why?")],
        max_output_tokens: 8_192,
        temperature: Some(Milli(700)),
        top_p: None,
        options: ChatOptions::default(),
    };
    assert_eq!(asked.unwrap(), expected);
}

#[test]
fn system_messages_join_the_instructions() {
    let asked = input(
        "claude-haiku-4.5",
        &json!({"max_tokens": 10, "system": "One.", "messages": [
            {"role": "system", "content": "Two."},
            {"role": "user", "content": [{"type": "text", "text": "Hi"}, image(PIXEL), image(PICTURE)]},
            {"role": "assistant", "content": "Hello."},
            {"role": "system", "content": [{"type": "text", "text": "Three."}]},
            {"role": "user", "content": "Who is it?"},
        ]}),
    );
    let pixel = Image::Data { media_type: "image/png".to_owned(), base64: "iVBORw0KGgo=".to_owned() };
    let parts =
        vec![Part::Text("Hi".to_owned()), Part::Image(pixel), Part::Image(Image::Url(PICTURE.to_owned()))];
    let expected = TextInput {
        system: Some("One.\n\nTwo.\n\nThree.".to_owned()),
        messages: vec![
            Message { role: Role::User, parts },
            Message::text(Role::Assistant, "Hello."),
            Message::text(Role::User, "Who is it?"),
        ],
        max_output_tokens: 10,
        temperature: None,
        top_p: None,
        options: ChatOptions::default(),
    };
    assert_eq!(asked.unwrap(), expected);
}

#[test]
fn the_subject_is_what_the_user_said_last() {
    let check = |params: Value, subject: &str| {
        let params = model("gpt-5").read_params(object(&params), Purpose::Generate).unwrap();
        assert_eq!(params.subject().as_deref(), Some(subject));
    };
    check(json!({"prompt": "Why?", "system": "Be brief."}), "Why?");
    check(
        user(json!([{"type": "text", "text": "Who"}, image(PICTURE), {"type": "text", "text": "is it?"}])),
        "Who\nis it?",
    );
    let turns = [("user", "One"), ("user", "Two"), ("assistant", "Three"), ("system", "Four")];
    let turns = turns.map(|(role, content)| json!({"role": role, "content": content}));
    check(json!({"messages": turns}), "Two");
}

#[test]
fn wrong_shapes_are_named() {
    let check = |messages: Value, fields: &[&str]| {
        check_refused("gpt-5", &json!({"messages": messages}), fields);
    };
    check(json!("Why?"), &["messages"]);
    check(json!({"role": "user", "content": "?"}), &["messages"]);
    check(json!([]), &["messages"]);
    check(json!(["Why?"]), &["messages[0]"]);
    check(json!([{"role": "user"}]), &["messages[0].content"]);
    check(json!([{"content": "?"}]), &["messages[0].role"]);
    check(json!([{"role": "tool", "content": "?"}]), &["messages[0].role"]);
    check(json!([{"role": "User", "content": "?"}]), &["messages[0].role"]);
    check(json!([{"role": 1, "content": "?"}]), &["messages[0].role"]);
    check(json!([{"role": "user", "content": ""}]), &["messages[0].content"]);
    check(json!([{"role": "user", "content": []}]), &["messages[0].content"]);
    check(json!([{"role": "user", "content": null}]), &["messages[0].content"]);
    check(json!([{"role": "user", "content": 7}]), &["messages[0].content"]);
    check(json!([{"role": "user", "content": "?", "name": "Ann"}]), &["messages[0].name"]);
    check(json!([{"role": "assistant", "content": "!"}]), &["messages"]);
    check(json!([{"role": "system", "content": "!"}]), &["messages"]);
    let several = json!([
        {"role": "user", "content": "?"},
        {"role": "robot", "content": ""},
        {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "video"}]},
    ]);
    check(several, &["messages[1].role", "messages[1].content", "messages[2].content[1].type"]);
}

#[test]
fn wrong_parts_are_named() {
    let check = |part: Value, field: &str| {
        check_refused("gpt-5", &user(json!([part])), &[&format!("messages[0].content[0]{field}")]);
    };
    check(json!("Why?"), "");
    check(json!({"text": "?"}), ".type");
    check(json!({"type": "text"}), ".text");
    check(json!({"type": "text", "text": ""}), ".text");
    check(json!({"type": "text", "text": "?", "bold": true}), ".bold");
    check(json!({"type": "image_url"}), ".image_url");
    check(json!({"type": "image_url", "image_url": {}}), ".image_url");
    check(json!({"type": "image_url", "image_url": {"url": PICTURE, "detail": "low"}}), ".image_url.detail");
    check(json!({"type": "image_url", "image_url": {"url": PICTURE}, "detail": "low"}), ".detail");
}

#[test]
fn a_model_takes_images_in_its_forms() {
    let check = |slug: &str, url: &str, is_taken: bool| {
        let asked = user(json!([{"type": "text", "text": "Who is it?"}, image(url)]));
        match is_taken {
            true => assert_eq!(input(slug, &asked).unwrap().messages[0].parts.len(), 2),
            false => check_refused(slug, &asked, &["messages[0].content[1].image_url"]),
        }
    };
    for (slug, takes_urls, takes_data) in [
        ("gpt-5-nano", true, true),
        ("claude-opus-4.5", true, true),
        ("grok-4-fast", true, true),
        ("gemini-2.5-flash", false, true),
        ("gemini-3-pro", false, true),
        ("deepseek-v3", false, false),
        ("deepseek-r1", false, false),
    ] {
        check(slug, PICTURE, takes_urls);
        check(slug, PIXEL, takes_data);
    }
    check("gpt-5", "http://example.com/fox.jpg", true);
    check("gpt-5", "data:image/webp;base64,UklGRg==", true);
    for url in [
        "",
        "fox.jpg",
        "file:///etc/passwd",
        "https://example.com/a fox.jpg",
        "https://example.com/fox\n.jpg",
        "data:image/png;base64,",
        "data:image/png;base64,&&&&",
        "data:image/png,AAAA",
        "data:image/svg+xml;base64,AAAA",
        "data:text/plain;base64,AAAA",
        &format!("https://example.com/{}", "a".repeat(2_048)),
    ] {
        check("gpt-5", url, false);
    }
    // The short form, without an object around the address.
    let short = user(json!([{"type": "text", "text": "?"}, {"type": "image_url", "image_url": PICTURE}]));
    assert!(input("gpt-5", &short).is_ok());
}

#[test]
fn only_the_user_shows_images() {
    for role in ["assistant", "system"] {
        let asked = json!({"messages": [
            {"role": "user", "content": "?"},
            {"role": role, "content": [image(PIXEL)]},
        ]});
        check_refused("gpt-5", &asked, &["messages[1]"]);
    }
}

#[test]
fn numbers_of_messages_and_images() {
    let messages = |count: usize| json!({"messages": vec![json!({"role": "user", "content": "?"}); count]});
    assert_eq!(input("deepseek-v3", &messages(MAX_MESSAGES)).unwrap().messages.len(), MAX_MESSAGES);
    check_refused("deepseek-v3", &messages(MAX_MESSAGES + 1), &["messages"]);
    let images = |count: usize| user(Value::Array(vec![image(PIXEL); count]));
    assert!(input("gpt-5-nano", &images(MAX_IMAGES)).is_ok());
    check_refused("gpt-5-nano", &images(MAX_IMAGES + 1), &["messages"]);
}

/// What the vendor bills twice is bought twice.
#[test]
fn chinese_counts_twice_where_the_vendor_bills_it_twice() {
    let check = |slug: &str, text: String, is_taken: bool| {
        let read = model(slug).read_params(object(&json!({"text": text})), Purpose::Generate);
        assert_eq!(read.is_ok(), is_taken, "{slug} {}", text.chars().count());
        if let Err(errors) = read {
            assert_eq!((errors.len(), errors[0].field.as_str()), (1, "text"));
        }
    };
    check("minimax-tts", "я".repeat(300), true);
    check("minimax-tts", "я".repeat(301), false);
    check("minimax-tts", "中".repeat(150), true);
    check("minimax-tts", format!("{}!", "中".repeat(150)), false);
    check("openai-tts", "中".repeat(3_600), true);
}

#[test]
fn all_input_counts_against_the_limit() {
    // claude-opus-4.5 takes 4,400 characters.
    let check = |params: &Value, refused: Option<&str>| match refused {
        None => assert!(input("claude-opus-4.5", params).is_ok(), "{params}"),
        Some(field) => check_refused("claude-opus-4.5", params, &[field]),
    };
    assert_eq!(model("claude-opus-4.5").limits.max_input_chars, Some(4_400));
    let text = |chars: usize| "ж".repeat(chars);
    check(&json!({"prompt": text(4_400)}), None);
    check(&json!({"prompt": text(4_300), "system": text(100)}), None);
    check(&json!({"prompt": text(4_300), "system": text(101)}), Some("prompt"));
    let spoken = |system: usize, first: usize, answer: usize, part: usize| {
        json!({"system": text(system), "messages": [
            {"role": "user", "content": text(first)},
            {"role": "assistant", "content": text(answer)},
            {"role": "user", "content": [{"type": "text", "text": text(part)}, image(PIXEL)]},
        ]})
    };
    assert_eq!(IMAGE_COUNTS_AS_CHARS, 1_000);
    check(&spoken(400, 1_000, 1_000, 1_000), None);
    for (system, first, answer, part) in [
        (401, 1_000, 1_000, 1_000),
        (400, 1_001, 1_000, 1_000),
        (400, 1_000, 1_001, 1_000),
        (400, 1_000, 1_000, 1_001),
    ] {
        check(&spoken(system, first, answer, part), Some("messages"));
    }
    let errors =
        model("claude-opus-4.5").read_params(object(&spoken(401, 1_000, 1_000, 1_000)), Purpose::Quote);
    assert_eq!(errors.unwrap_err()[0].allowed, Some(vec!["0..4400".to_owned()]));
}

fn chat(slug: &str, messages: Vec<Message>, options: &ChatOptions) -> Vec<String> {
    let read = model(slug).read_chat(messages, options, object(&json!({})));
    read.err().into_iter().flatten().map(|error| error.field).collect()
}

#[test]
fn a_conversation_that_was_read_before_is_held_against_the_model() {
    let hello = || Message::text(Role::User, "Hello.");
    let none = ChatOptions::default();
    assert_eq!(chat("gpt-5", vec![hello()], &none), Vec::<String>::new());
    assert_eq!(chat("dall-e-3", vec![hello()], &none), ["model"]);
    assert_eq!(chat("gpt-5", vec![Message::text(Role::System, "Hello.")], &none), ["messages"]);
    let picture = Message { role: Role::User, parts: vec![Part::Image(Image::Url(PICTURE.to_owned()))] };
    let field = "messages[1].content[0].image_url";
    assert_eq!(chat("gemini-2.5-flash", vec![hello(), picture.clone()], &none), [field]);
    assert_eq!(chat("gpt-5", vec![hello(), picture], &none), Vec::<String>::new());
}

/// Functions, what they were called with and what they gave all cost the vendor's tokens, so they count as words do.
#[test]
fn functions_count_against_the_limit_on_input() {
    // gpt-5 takes 6,000 characters.
    let check = |said: usize, called: usize, gave: usize, described: usize, fits: bool| {
        let function = FunctionCall { name: "f".to_owned(), arguments: "x".repeat(called), signature: None };
        let result = ToolResult { call_id: "c".to_owned(), name: "f".to_owned(), text: "x".repeat(gave) };
        let call = ToolCall { id: "c".to_owned(), function };
        let messages = vec![
            Message::text(Role::User, "x".repeat(said)),
            Message { role: Role::Assistant, parts: vec![Part::ToolCall(call)] },
            Message { role: Role::Tool, parts: vec![Part::ToolResult(result)] },
        ];
        let description = Some("x".repeat(described));
        let tool = Tool { name: "f".to_owned(), description, parameters: json!({}), strict: false };
        let options = ChatOptions { tools: vec![tool], ..ChatOptions::default() };
        let expected: &[&str] = if fits { &[] } else { &["messages"] };
        assert_eq!(chat("gpt-5", messages, &options), expected, "{said} {called} {gave} {described}");
    };
    // One for each name of a function and of a call, two for the empty schema, 20 for each of the three, and 200 around it all.
    check(2_000, 1_000, 1_000, 1_733, true);
    check(2_001, 1_000, 1_000, 1_733, false);
    check(2_000, 1_001, 1_000, 1_733, false);
    check(2_000, 1_000, 1_001, 1_733, false);
    check(2_000, 1_000, 1_000, 1_734, false);
    let schema = JsonSchema {
        name: "s".to_owned(),
        description: None,
        schema: json!("x".repeat(6_000)),
        strict: false,
    };
    let options = ChatOptions { format: ResponseFormat::JsonSchema(schema), ..ChatOptions::default() };
    assert_eq!(chat("gpt-5", vec![Message::text(Role::User, "Hello.")], &options), ["messages"]);
    // What asks for JSON is a function at some vendors.
    let options = ChatOptions { format: ResponseFormat::JsonObject, ..ChatOptions::default() };
    let saying = |chars: usize| vec![Message::text(Role::User, "x".repeat(chars))];
    assert_eq!(chat("gpt-5", saying(5_780), &options), Vec::<String>::new());
    assert_eq!(chat("gpt-5", saying(5_781), &options), ["messages"]);
}
