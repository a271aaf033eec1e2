//! The events of a streamed response.

use super::{
    call_item, finished_response, message_id, message_item, message_status, part, reasoning_item, response,
    words,
};
use crate::{
    answer::pieces,
    protocol::{Ending, Turn},
    reply::{Frames, event},
    trouble::Trouble,
    vendor::{
        chat::with,
        openai::{message, padding},
    },
};
use bytes::Bytes;
use serde_json::{Value, json};

/// Numbers the events of one stream.
struct Events {
    next: u64,
}

impl Events {
    fn event(&mut self, json: Value) -> Bytes {
        let numbered = with(json, "sequence_number", &json!(self.next));
        self.next = self.next.saturating_add(1);
        event(&numbered)
    }
}

/// All frames of an answer.
pub(super) fn frames(turn: &Turn) -> Frames {
    let mut events = Events { next: 0 };
    let output_index = usize::from(reasoning_item(turn).is_some());
    if !turn.answer.calls.is_empty() && turn.ending == Ending::Whole {
        return calls(turn, &mut events, output_index);
    }
    let opening = opening(turn, &mut events, output_index);
    let kind = if turn.ending == Ending::Refused { "refusal" } else { "output_text" };
    let mut delta = |piece: &str| {
        let mut json = in_part(turn, &format!("response.{kind}.delta"), output_index);
        json = with(json, "delta", &json!(piece));
        if kind == "output_text" {
            json = with(json, "logprobs", &json!([]));
        }
        if turn.ask.obfuscate {
            json = with(json, "obfuscation", &json!(padding(piece)));
        }
        events.event(json)
    };
    let mut pieces = pieces(words(turn));
    if turn.ending == Ending::Broken {
        pieces.truncate(pieces.len().div_ceil(2));
    }
    let deltas = pieces.into_iter().map(&mut delta).collect();
    let closing = match turn.ending {
        Ending::Broken => vec![events.event(json!({
            "type": "error",
            "code": "server_error",
            "message": message(&Trouble::Internal),
            "param": null,
        }))],
        Ending::Whole | Ending::Refused => closing(turn, &mut events, output_index),
    };
    Frames { opening, deltas, closing }
}

/// The frames of an answer that calls functions: the arguments of each in pieces, and then whole.
fn calls(turn: &Turn, events: &mut Events, first_index: usize) -> Frames {
    let opening = beginning(turn, events);
    let mut deltas = Vec::new();
    for (index, call) in turn.answer.calls.iter().enumerate() {
        let output_index = first_index.saturating_add(index);
        let (begun, done) = (call_item(turn, index, "in_progress"), call_item(turn, index, "completed"));
        let item_id = &begun["id"];
        let about = |kind: &str| json!({"type": kind, "item_id": item_id, "output_index": output_index});
        let item =
            |kind: &str, item: &Value| json!({"type": kind, "output_index": output_index, "item": item});
        deltas.push(events.event(item("response.output_item.added", &begun)));
        let arguments = call.arguments.to_string();
        for piece in pieces(&arguments) {
            let delta = about("response.function_call_arguments.delta");
            deltas.push(events.event(with(delta, "delta", &json!(piece))));
        }
        let whole = with(about("response.function_call_arguments.done"), "arguments", &json!(arguments));
        deltas.push(events.event(whole));
        deltas.push(events.event(item("response.output_item.done", &done)));
    }
    let terminal = json!({"type": "response.completed", "response": finished_response(turn)});
    Frames { opening, deltas, closing: vec![events.event(terminal)] }
}

/// The response begins, and has been thought about.
fn beginning(turn: &Turn, events: &mut Events) -> Vec<Bytes> {
    let begun = response(turn, "in_progress", &[]);
    let mut frames = vec![
        events.event(json!({"type": "response.created", "response": begun})),
        events.event(json!({"type": "response.in_progress", "response": begun})),
    ];
    if let Some(item) = reasoning_item(turn) {
        for kind in ["response.output_item.added", "response.output_item.done"] {
            frames.push(events.event(json!({"type": kind, "output_index": 0, "item": item})));
        }
    }
    frames
}

fn opening(turn: &Turn, events: &mut Events, output_index: usize) -> Vec<Bytes> {
    let mut frames = beginning(turn, events);
    let item = message_item(turn, "in_progress", &[]);
    let added = json!({"type": "response.output_item.added", "output_index": output_index, "item": item});
    frames.push(events.event(added));
    let added = in_part(turn, "response.content_part.added", output_index);
    frames.push(events.event(with(added, "part", &part(turn, ""))));
    frames
}

fn closing(turn: &Turn, events: &mut Events, output_index: usize) -> Vec<Bytes> {
    let text = words(turn);
    let done = match turn.ending {
        Ending::Refused => {
            with(in_part(turn, "response.refusal.done", output_index), "refusal", &json!(text))
        }
        Ending::Whole | Ending::Broken => {
            let done = in_part(turn, "response.output_text.done", output_index);
            with(with(done, "text", &json!(text)), "logprobs", &json!([]))
        }
    };
    let part = part(turn, text);
    let part_done = with(in_part(turn, "response.content_part.done", output_index), "part", &part);
    let item = message_item(turn, message_status(turn), &[part]);
    let item_done = json!({"type": "response.output_item.done", "output_index": output_index, "item": item});
    let response = finished_response(turn);
    let kind =
        if message_status(turn) == "incomplete" { "response.incomplete" } else { "response.completed" };
    let terminal = json!({"type": kind, "response": response});
    [done, part_done, item_done, terminal].map(|json| events.event(json)).into()
}

/// An event about the message's only part.
fn in_part(turn: &Turn, kind: &str, output_index: usize) -> Value {
    json!({"type": kind, "item_id": message_id(turn), "output_index": output_index, "content_index": 0})
}
