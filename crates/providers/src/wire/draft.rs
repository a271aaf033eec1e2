//! An answer that is coming together.

use super::{
    error::{bad_response, stream_cut},
    options::text_input,
};
use domain::{
    port::{Answer, Call, FinishReason, ProviderError, Usage},
    text::{FunctionCall, Role},
};
use std::{borrow::Cow, collections::BTreeMap};

/// Calls in one answer, at most.
const MAX_CALLS: usize = 128;

/// What is known of an answer so far.
#[derive(Default)]
pub(crate) struct Draft {
    text: String,
    /// Calls by the vendor's number of each.
    calls: BTreeMap<u64, FunctionCall>,
    /// What the vendor last said it used.
    pub(crate) usage: Option<Usage>,
    /// The model that answers.
    pub(crate) upstream_model: Option<String>,
    /// Why it ended, once it has.
    pub(crate) finish_reason: Option<FinishReason>,
    /// Whether saying nothing is an answer.
    may_be_silent: bool,
}

impl Draft {
    /// An answer to `call`, of which nothing is known. One that is told where to stop may stop before its first word, and a
    /// model that has seen what its calls gave may have nothing to add.
    pub(crate) fn of(call: &Call) -> Self {
        let input = text_input(call);
        let follows_results = input.messages.last().is_some_and(|last| last.role == Role::Tool);
        Self { may_be_silent: !input.options.stop.is_empty() || follows_results, ..Self::default() }
    }

    /// Adds text at the end, and passes it on.
    pub(crate) fn push(&mut self, delta: &str, on_delta: &mut dyn FnMut(&str)) {
        let delta = clean(delta);
        if !delta.is_empty() {
            self.text.push_str(&delta);
            on_delta(&delta);
        }
    }

    /// Adds to the call of that number what is known of it: its name and a piece of its arguments.
    pub(crate) fn push_call(
        &mut self,
        number: u64,
        name: &str,
        arguments: &str,
    ) -> Result<&mut FunctionCall, ProviderError> {
        if self.calls.len() >= MAX_CALLS && !self.calls.contains_key(&number) {
            return Err(bad_response(format!("the answer asks for more than {MAX_CALLS} calls")));
        }
        let empty = || FunctionCall { name: String::new(), arguments: String::new(), signature: None };
        let call = self.calls.entry(number).or_insert_with(empty);
        // Some services repeat the name with each piece.
        if call.name.is_empty() {
            call.name = clean(name).into_owned();
        }
        call.arguments.push_str(&clean(arguments));
        Ok(call)
    }

    /// Whether there is no text yet.
    pub(crate) fn is_silent(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a call that came whole.
    pub(crate) fn push_next_call(
        &mut self,
        name: &str,
        arguments: &str,
    ) -> Result<&mut FunctionCall, ProviderError> {
        let number = self.calls.last_key_value().map_or(0, |(last, _)| last.saturating_add(1));
        self.push_call(number, name, arguments)
    }

    /// The answer, when it came whole.
    pub(crate) fn finish(self) -> Result<Answer, ProviderError> {
        let Self { text, calls, usage, upstream_model, finish_reason, may_be_silent } = self;
        let tool_calls = calls.into_values().map(finish_call).collect::<Result<Vec<_>, _>>()?;
        match finish_reason {
            None => Err(bad_response("the answer does not say why it ended")),
            Some(FinishReason::Length) if text.is_empty() && tool_calls.is_empty() => {
                Err(bad_response("the ceiling on output was reached before there was any text"))
            }
            Some(_) if text.is_empty() && tool_calls.is_empty() && !may_be_silent => {
                Err(bad_response("the answer has no text"))
            }
            Some(reason) => {
                // Not every vendor has a reason of its own for it.
                let finish_reason = match reason {
                    FinishReason::Length => reason,
                    FinishReason::Stop | FinishReason::ToolCalls if tool_calls.is_empty() => {
                        FinishReason::Stop
                    }
                    FinishReason::Stop | FinishReason::ToolCalls => FinishReason::ToolCalls,
                };
                Ok(Answer { text, tool_calls, usage, upstream_model, finish_reason })
            }
        }
    }

    /// The answer, when it came as a stream: without its end it is a cut one.
    pub(crate) fn finish_stream(self, has_ended: bool) -> Result<Answer, ProviderError> {
        if has_ended && self.finish_reason.is_some() { self.finish() } else { Err(stream_cut()) }
    }
}

/// No database keeps U+0000 in a text.
fn clean(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { Cow::Owned(text.replace('\0', "")) } else { Cow::Borrowed(text) }
}

/// A function without arguments is often called with none at all.
fn finish_call(call: FunctionCall) -> Result<FunctionCall, ProviderError> {
    if call.name.is_empty() {
        return Err(bad_response("the answer asks for a call without a name"));
    }
    let arguments = if call.arguments.is_empty() { "{}".to_owned() } else { call.arguments };
    Ok(FunctionCall { arguments, ..call })
}
