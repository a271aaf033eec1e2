//! What `generateContent` takes.

use super::tools;
use crate::{
    answer::{Ask, count_words},
    conversation::Conversation,
    fields::{self, Object},
    trouble::{Invalid, Trouble, Why},
};
use serde_json::Value;

/// What the published description allows, at the top level and in `generationConfig`.
const FIELDS: [&str; 10] = [
    "cachedContent",
    "contents",
    "generationConfig",
    "model",
    "safetySettings",
    "serviceTier",
    "store",
    "systemInstruction",
    "toolConfig",
    "tools",
];
const CONFIG_FIELDS: [&str; 22] = [
    "candidateCount",
    "enableEnhancedCivicAnswers",
    "frequencyPenalty",
    "imageConfig",
    "logprobs",
    "maxOutputTokens",
    "mediaResolution",
    "presencePenalty",
    "responseFormat",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseModalities",
    "responseSchema",
    "seed",
    "speechConfig",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
    "translationConfig",
];

/// Reads a body; `model` comes from the path.
pub(super) fn read(body: &[u8], model: &str) -> Result<Ask, Trouble> {
    let json = camel_case(fields::parse(body)?);
    let body = Object::at("", &json)?;
    body.only(&FIELDS)?;
    let mut said = read_contents(&body)?;
    if let Some(results) = tools::check_order(&body, model)? {
        said.hear_result(&results);
    }
    if let Some(instruction) = body.object("systemInstruction")? {
        let words = count_words(&read_parts(&instruction)?);
        said.words = said.words.saturating_add(words);
    }
    let mut ask =
        Ask { model: model.to_owned(), prompt: said.prompt, input_words: said.words, ..Ask::default() };
    ask.thinks = true;
    let config = body.object("generationConfig")?;
    if let Some(config) = &config {
        read_config(config, &mut ask)?;
    }
    ask.wishes = tools::read_wishes(&body, config.as_ref(), said.has_results)?;
    Ok(ask)
}

/// The refusal of a stream without `alt=sse`.
pub(super) fn array_refusal() -> Trouble {
    let message = "The sandbox streams server-sent events only; ask with alt=sse.";
    Invalid::new("alt", Why::Other(message.to_owned())).into()
}

fn read_contents(body: &Object<'_>) -> Result<Conversation, Invalid> {
    let mut conversation = Conversation::default();
    for (index, item) in body.require_list("contents")?.iter().enumerate() {
        let content = Object::at(format!("contents[{index}]"), item)?;
        // A content without a role is the user's.
        let role = content.one_of("role", &["user", "model"])?.unwrap_or("user");
        conversation.hear(role == "user", read_parts(&content)?);
    }
    Ok(conversation)
}

fn read_parts(content: &Object<'_>) -> Result<String, Invalid> {
    let mut words = Vec::new();
    for (index, item) in content.require_list("parts")?.iter().enumerate() {
        let part = Object::at(format!("{}[{index}]", content.path("parts")), item)?;
        words.extend(read_part(&part)?);
    }
    Ok(words.join("\n"))
}

fn read_part<'a>(part: &Object<'a>) -> Result<Option<&'a str>, Invalid> {
    if let Some(text) = part.text("text")? {
        return Ok(Some(text));
    }
    if let Some(data) = part.object("inlineData")? {
        data.require_text("mimeType")?;
        data.require_text("data")?;
        return Ok(None);
    }
    if let Some(file) = part.object("fileData")? {
        file.require_text("fileUri")?;
        return Ok(None);
    }
    if tools::read_part(part)? {
        return Ok(None);
    }
    let message =
        format!("{}: required oneof field 'data' must have one initialized field", part.path("data"));
    Err(part.wrong("data", Why::Other(message)))
}

fn read_config(config: &Object<'_>, ask: &mut Ask) -> Result<(), Invalid> {
    config.only(&CONFIG_FIELDS)?;
    ask.ceiling = config.ceiling("maxOutputTokens", 1)?;
    config.decimal("temperature", 0.0, 2.0)?;
    config.decimal("topP", 0.0, 1.0)?;
    if let Some(got) = config.integer("candidateCount", 1)?.filter(|count| *count > 1) {
        let max = "1, in this sandbox".to_owned();
        return Err(config.wrong("candidateCount", Why::Above { got: got.to_string(), max }));
    }
    let Some(thinking) = config.object("thinkingConfig")? else { return Ok(()) };
    let budget = thinking.integer("thinkingBudget", -1)?;
    if budget.is_some() && thinking.get("thinkingLevel").is_some() {
        let message = "You can only set one of thinking budget and thinking level.";
        return Err(thinking.wrong("thinkingLevel", Why::Other(message.to_owned())));
    }
    ask.thinks = budget != Some(0);
    Ok(())
}

/// Fields in which names are the client's own.
const FREE: [&str; 5] = ["args", "response", "parameters", "parametersJsonSchema", "responseJsonSchema"];

/// The service takes `snake_case` names too.
fn camel_case(value: Value) -> Value {
    match value {
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(name, value)| {
                    let name = camel_name(&name);
                    let value = if FREE.contains(&name.as_str()) { value } else { camel_case(value) };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(camel_case).collect()),
        other => other,
    }
}

fn camel_name(name: &str) -> String {
    let mut words = name.split('_');
    let mut camel = words.next().unwrap_or_default().to_owned();
    for word in words {
        let mut letters = word.chars();
        camel.extend(letters.next().map(|first| first.to_ascii_uppercase()));
        camel.push_str(letters.as_str());
    }
    camel
}
