//! `POST /responses`.

mod stream;
mod wishes;

use super::{EFFORTS, error, finished, is_incomplete, read_model, read_padding, snapshot, thinks};
use crate::{
    answer::{Ask, REFUSAL, count_words},
    conversation::{Conversation, Dialect, OpenCalls, Part, silent_part, text_part},
    fields::{self, Object},
    protocol::{Ending, Protocol, Turn},
    reply::Reply,
    tools::read_name,
    trouble::{Invalid, Trouble, Why},
    vendor::{
        CREATED_UNIX_S,
        chat::{admit_bearer, call_id, check_image_url},
    },
};
use axum::http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

const DIALECT: Dialect = Dialect {
    roles: &["user", "assistant", "system", "developer"],
    parts: &[
        Part { kind: "input_text", read: text_part },
        Part { kind: "output_text", read: text_part },
        Part { kind: "input_image", read: image_part },
        Part { kind: "input_file", read: silent_part },
        Part { kind: "refusal", read: silent_part },
    ],
};

/// What the published description allows at the top level.
const FIELDS: [&str; 31] = [
    "background",
    "context_management",
    "conversation",
    "include",
    "input",
    "instructions",
    "max_output_tokens",
    "max_tool_calls",
    "metadata",
    "model",
    "moderation",
    "parallel_tool_calls",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "service_tier",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "truncation",
    "user",
];

fn image_part<'a>(part: &Object<'a>) -> Result<&'a str, Invalid> {
    if part.text("file_id")?.is_none() {
        check_image_url(part, "image_url")?;
    }
    part.one_of("detail", &["auto", "low", "high"])?;
    Ok("")
}

#[derive(Clone, Copy)]
pub(super) struct Responses;

impl Protocol for Responses {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        let json = fields::parse(body)?;
        let body = Object::at("", &json)?;
        body.only(&FIELDS)?;
        let model = read_model(&body)?;
        let said = read_input(&body)?;
        let instructions = body.text("instructions")?.map_or(0, count_words);
        // OpenAI refuses less than 16 here, and only here.
        let ceiling = body.ceiling("max_output_tokens", 16)?;
        if body.flag("background")? {
            let message = "The sandbox answers at once; 'background' is not supported.";
            return Err(body.wrong("background", Why::Other(message.to_owned())).into());
        }
        let reasoning = body.object("reasoning")?;
        let effort = reasoning.map(|reasoning| reasoning.one_of("effort", &EFFORTS)).transpose()?.flatten();
        Ok(Ask {
            thinks: thinks(&model, effort),
            wishes: wishes::read(&body, &said)?,
            model,
            prompt: said.prompt,
            input_words: said.words.saturating_add(instructions),
            ceiling,
            stream: body.flag("stream")?,
            include_usage: true,
            obfuscate: read_padding(&body)?,
        })
    }

    fn answer(&self, turn: &Turn) -> Reply {
        let reply = if turn.ask.stream {
            Reply::events(stream::frames(turn))
        } else {
            Reply::json(StatusCode::OK, &finished_response(turn))
        };
        finished(reply, &turn.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        error(trouble, id)
    }
}

fn read_input(body: &Object<'_>) -> Result<Conversation, Invalid> {
    match body.require("input")? {
        Value::String(text) => {
            let mut said = Conversation::default();
            said.hear(true, text.clone());
            Ok(said)
        }
        _ => read_items(body),
    }
}

/// Messages, and calls of functions and their results, which have no role.
fn read_items(body: &Object<'_>) -> Result<Conversation, Invalid> {
    let mut said = Conversation::default();
    let mut open = OpenCalls::default();
    for (index, item) in body.require_list("input")?.iter().enumerate() {
        let item = Object::at(format!("input[{index}]"), item)?;
        match item.text("type")? {
            Some("function_call") => {
                read_name(&item, "name")?;
                item.require("arguments")?;
                item.text("arguments")?;
                open.open(item.require_text_within("call_id", 64)?);
            }
            Some("function_call_output") => {
                item.require("output")?;
                open.close(&item, "call_id")?;
                said.hear_result(item.text("output")?.unwrap_or_default());
            }
            _ => DIALECT.read_message(&item, &mut said, &mut open)?,
        }
    }
    open.check_closed(body, "input")?;
    Ok(said)
}

/// The whole response object at some point of its life.
fn response(turn: &Turn, status: &str, output: &[Value]) -> Value {
    let is_over = !matches!(status, "in_progress" | "queued");
    let incomplete = (status == "incomplete").then(|| json!({"reason": "max_output_tokens"}));
    let failure = (status == "failed")
        .then(|| json!({"code": "server_error", "message": super::message(&Trouble::Internal)}));
    json!({
        "id": format!("resp_{}", turn.id),
        "object": "response",
        "created_at": CREATED_UNIX_S,
        "completed_at": (status == "completed").then_some(CREATED_UNIX_S),
        "status": status,
        "background": false,
        "error": failure,
        "incomplete_details": incomplete,
        "instructions": null,
        "max_output_tokens": turn.ask.ceiling,
        "max_tool_calls": null,
        "metadata": {},
        "model": snapshot(&turn.ask.model),
        "output": output,
        "parallel_tool_calls": true,
        "previous_response_id": null,
        "reasoning": {"effort": "medium", "summary": null},
        "service_tier": "default",
        "store": true,
        "temperature": 1.0,
        "text": {"format": {"type": "text"}, "verbosity": "medium"},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "usage": is_over.then(|| usage(turn)),
        "user": null,
    })
}

fn finished_response(turn: &Turn) -> Value {
    let status = match turn.ending {
        Ending::Broken => "failed",
        ending if is_incomplete(&turn.answer, ending) => "incomplete",
        Ending::Whole | Ending::Refused => "completed",
    };
    let mut output: Vec<Value> = reasoning_item(turn).into_iter().collect();
    if turn.ending == Ending::Whole && !turn.answer.calls.is_empty() {
        output.extend((0..turn.answer.calls.len()).map(|index| call_item(turn, index, "completed")));
    } else if turn.ending != Ending::Broken {
        output.push(message_item(turn, message_status(turn), &[part(turn, words(turn))]));
    }
    response(turn, status, &output)
}

/// A call, whose arguments come later while it is in progress.
fn call_item(turn: &Turn, index: usize, status: &str) -> Value {
    let call = turn.answer.calls.get(index);
    let arguments = call.filter(|_| status == "completed").map(|call| call.arguments.to_string());
    json!({
        "id": format!("fc_{}_{index}", turn.id),
        "type": "function_call",
        "status": status,
        "call_id": call_id(turn, index),
        "name": call.map(|call| &call.name),
        "arguments": arguments.unwrap_or_default(),
    })
}

fn message_status(turn: &Turn) -> &'static str {
    if is_incomplete(&turn.answer, turn.ending) { "incomplete" } else { "completed" }
}

fn usage(turn: &Turn) -> Value {
    let (input, output) = (turn.ask.input_words, turn.all_output_words());
    json!({
        "input_tokens": input,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output,
        "output_tokens_details": {"reasoning_tokens": turn.answer.thinking_words},
        "total_tokens": input.saturating_add(output),
    })
}

fn words(turn: &Turn) -> &str {
    if turn.ending == Ending::Refused { REFUSAL } else { &turn.answer.text }
}

fn reasoning_item(turn: &Turn) -> Option<Value> {
    let thought = !turn.answer.thinking.is_empty();
    thought.then(|| json!({"id": format!("rs_{}", turn.id), "type": "reasoning", "summary": []}))
}

fn message_id(turn: &Turn) -> String {
    format!("msg_{}", turn.id)
}

fn message_item(turn: &Turn, status: &str, content: &[Value]) -> Value {
    json!({
        "id": message_id(turn),
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": content,
    })
}

fn part(turn: &Turn, text: &str) -> Value {
    match turn.ending {
        Ending::Refused => json!({"type": "refusal", "refusal": text}),
        Ending::Whole | Ending::Broken => {
            json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
        }
    }
}
