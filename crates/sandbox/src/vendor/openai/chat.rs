//! `POST /chat/completions`.

use super::{error, finished, is_gpt_5, is_incomplete, padding, read_model, read_padding, snapshot, thinks};
use crate::{
    answer::{Ask, REFUSAL, pieces},
    conversation::Dialect,
    fields::{self, Object},
    protocol::{Ending, Protocol, Turn},
    reply::{DONE, Frames, Reply, data},
    trouble::{Trouble, Why},
    vendor::chat::{
        Abilities, Completion, PARTS, admit_bearer, call_deltas, read_stream, read_wishes, refuse_several,
        whole_calls, with,
    },
};
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use serde_json::{Value, json};

const ABILITIES: Abilities = Abilities { takes_schema: true, needs_word_json: true, max_stops: 4 };

const DIALECT: Dialect =
    Dialect { roles: &["developer", "system", "user", "assistant", "tool", "function"], parts: &PARTS };

/// What the published description allows at the top level.
const FIELDS: [&str; 37] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "moderation",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

#[derive(Clone, Copy)]
pub(super) struct Chat;

impl Protocol for Chat {
    fn admit(&self, headers: &HeaderMap) -> Result<(), Trouble> {
        admit_bearer(headers)
    }

    fn read(&self, body: &[u8]) -> Result<Ask, Trouble> {
        let json = fields::parse(body)?;
        let body = Object::at("", &json)?;
        body.only(&FIELDS)?;
        let model = read_model(&body)?;
        if model.starts_with("gpt-5.2-pro") {
            return Err(Trouble::UnknownModel(model));
        }
        let said = DIALECT.read(&body, "messages")?;
        let old_ceiling = body.ceiling("max_tokens", 1)?;
        if old_ceiling.is_some() && is_gpt_5(&model) {
            let hint = "Use 'max_completion_tokens' instead.";
            return Err(body.wrong("max_tokens", Why::NotTaken(hint)).into());
        }
        let ceiling = body.ceiling("max_completion_tokens", 1)?.or(old_ceiling);
        let effort = body.one_of("reasoning_effort", &super::EFFORTS)?;
        body.one_of("verbosity", &["low", "medium", "high"])?;
        refuse_several(&body)?;
        let thinks = thinks(&model, effort);
        if body.get("stop").is_some() && is_gpt_5(&model) {
            return Err(body.wrong("stop", Why::NotTaken("")).into());
        }
        let wishes = read_wishes(&body, &said, &ABILITIES)?;
        let mut ask = Ask {
            wishes,
            model,
            prompt: said.prompt,
            input_words: said.words,
            ceiling,
            thinks,
            obfuscate: read_padding(&body)?,
            ..Ask::default()
        };
        read_stream(&body, &mut ask)?;
        Ok(ask)
    }

    fn answer(&self, turn: &Turn) -> Reply {
        let completion = Completion {
            id: format!("chatcmpl-{}", turn.id),
            model: snapshot(&turn.ask.model),
            system_fingerprint: "fp_5a2db0c0de",
        };
        if turn.ask.stream {
            return finished(Reply::events(frames(turn, &completion)), &turn.id);
        }
        if turn.ending == Ending::Broken {
            return self.error(&Trouble::Internal, &turn.id).with_status(StatusCode::OK);
        }
        let (content, refusal) = match turn.ending {
            Ending::Refused => (None, Some(REFUSAL)),
            Ending::Whole | Ending::Broken => (Some(&turn.answer.text).filter(|text| !text.is_empty()), None),
        };
        let mut message =
            json!({"role": "assistant", "content": content, "refusal": refusal, "annotations": []});
        if let (Some(calls), Ending::Whole) = (whole_calls(turn), turn.ending) {
            message = with(message, "tool_calls", &calls);
        }
        let body = completion.whole(&message, finish_reason(turn), &usage(turn));
        let body = with(body, "service_tier", &json!("default"));
        finished(Reply::json(StatusCode::OK, &body), &turn.id)
    }

    fn error(&self, trouble: &Trouble, id: &str) -> Reply {
        match trouble {
            Trouble::UnknownModel(model) if model.starts_with("gpt-5.2-pro") => responses_only(id),
            _ => error(trouble, id),
        }
    }
}

fn responses_only(id: &str) -> Reply {
    let body = json!({"error": {
        "message": "This model is only supported in v1/responses and not in v1/chat/completions.",
        "type": "invalid_request_error",
        "param": "model",
        "code": null,
    }});
    finished(Reply::json(StatusCode::NOT_FOUND, &body), id)
}

fn finish_reason(turn: &Turn) -> &'static str {
    match turn.ending {
        Ending::Whole if !turn.answer.calls.is_empty() => "tool_calls",
        ending if is_incomplete(&turn.answer, ending) => "length",
        _ => "stop",
    }
}

fn usage(turn: &Turn) -> Value {
    let (input, output) = (turn.ask.input_words, turn.all_output_words());
    json!({
        "prompt_tokens": input,
        "completion_tokens": output,
        "total_tokens": input.saturating_add(output),
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "text_tokens": input,
            "image_tokens": 0,
        },
        "completion_tokens_details": {
            "reasoning_tokens": turn.answer.thinking_words,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    })
}

fn frames(turn: &Turn, completion: &Completion<'_>) -> Frames {
    let include_usage = turn.ask.include_usage;
    let finish = |chunk: Value| {
        let chunk = with(chunk, "service_tier", &json!("default"));
        if include_usage { with(chunk, "usage", &Value::Null) } else { chunk }
    };
    let (field, text) = match turn.ending {
        Ending::Refused => ("refusal", REFUSAL),
        Ending::Whole | Ending::Broken => ("content", turn.answer.text.as_str()),
    };
    let delta = |piece: &str| {
        let chunk = finish(completion.chunk(&json!({field: piece}), None));
        if turn.ask.obfuscate { with(chunk, "obfuscation", &json!(padding(piece))) } else { chunk }
    };
    let mut deltas: Vec<Bytes> = pieces(text).into_iter().map(|piece| data(&delta(piece))).collect();
    if turn.ending != Ending::Refused {
        let calls = call_deltas(turn).into_iter();
        deltas.extend(calls.map(|delta| data(&finish(completion.chunk(&delta, None)))));
    }
    let first = json!({"role": "assistant", "content": "", "refusal": null});
    let mut closing = vec![data(&finish(completion.chunk(&json!({}), Some(finish_reason(turn)))))];
    if include_usage {
        let chunk = with(completion.usage_chunk(&usage(turn)), "service_tier", &json!("default"));
        closing.push(data(&chunk));
    }
    closing.push(DONE);
    let frames = Frames { opening: vec![data(&finish(completion.chunk(&first, None)))], deltas, closing };
    if turn.ending != Ending::Broken {
        return frames;
    }
    frames.broken_by(data(&json!({"error": {
        "message": super::message(&Trouble::Internal),
        "type": "server_error",
        "param": null,
        "code": null,
    }})))
}
