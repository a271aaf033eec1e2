//! Functions and JSON, which have other words here than in chat completions.

use crate::{
    conversation::Conversation,
    fields::Object,
    tools::{Choice, Format, Tool, Wishes},
    trouble::{Invalid, Why},
    vendor::chat::{read_schema, without_word},
};
use serde_json::Value;

/// Reads `tools`, `tool_choice` and `text.format`. There is no `stop`.
pub(super) fn read(body: &Object<'_>, said: &Conversation) -> Result<Wishes, Invalid> {
    let mut tools = Vec::new();
    if body.get("tools").is_some() {
        for (index, item) in body.require_list("tools")?.iter().enumerate() {
            let tool = Object::at(format!("tools[{index}]"), item)?;
            tool.require_text("type")?;
            tool.one_of("type", &["function"])?;
            tool.only(&["type", "name", "description", "parameters", "strict"])?;
            tool.flag("strict")?;
            tools.push(Tool::read(&tool, "parameters")?);
        }
    }
    let format = match body.object("text")? {
        Some(text) => read_format(&text, said)?,
        None => Format::Text,
    };
    let wishes =
        Wishes { tools, choice: read_choice(body)?, format, stop: Vec::new(), has_results: said.has_results };
    wishes.check(body, "tool_choice")?;
    Ok(wishes)
}

fn read_choice(body: &Object<'_>) -> Result<Choice, Invalid> {
    const NAME: &str = "tool_choice";
    if body.get(NAME).is_some_and(Value::is_object) {
        let choice = body.object(NAME)?.ok_or_else(|| body.wrong(NAME, Why::Missing))?;
        choice.one_of("type", &["function"])?;
        return Ok(Choice::Named(choice.require_text("name")?.to_owned()));
    }
    Ok(match body.one_of(NAME, &["none", "auto", "required"])? {
        Some("none") => Choice::None,
        Some("required") => Choice::Any,
        _ => Choice::Auto,
    })
}

fn read_format(text: &Object<'_>, said: &Conversation) -> Result<Format, Invalid> {
    let Some(format) = text.object("format")? else { return Ok(Format::Text) };
    format.require_text("type")?;
    match format.one_of("type", &["text", "json_object", "json_schema"])? {
        Some("json_object") if !said.says_json => Err(without_word(text, "format")),
        Some("json_object") => Ok(Format::Json),
        Some("json_schema") => read_schema(&format),
        _ => Ok(Format::Text),
    }
}
