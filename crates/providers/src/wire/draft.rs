//! An answer that is coming together.

use super::error::{bad_response, stream_cut};
use domain::port::{Answer, FinishReason, ProviderError, Usage};

/// What is known of an answer so far.
#[derive(Default)]
pub(crate) struct Draft {
    text: String,
    /// What the vendor last said it used.
    pub(crate) usage: Option<Usage>,
    /// The model that answers.
    pub(crate) upstream_model: Option<String>,
    /// Why it ended, once it has.
    pub(crate) finish_reason: Option<FinishReason>,
}

impl Draft {
    /// Adds text at the end, and passes it on.
    pub(crate) fn push(&mut self, delta: &str, on_delta: &mut dyn FnMut(&str)) {
        // No database keeps U+0000 in a text.
        let clean = delta.contains('\0').then(|| delta.replace('\0', ""));
        let delta = clean.as_deref().unwrap_or(delta);
        if !delta.is_empty() {
            self.text.push_str(delta);
            on_delta(delta);
        }
    }

    /// The answer, when it came whole.
    pub(crate) fn finish(self) -> Result<Answer, ProviderError> {
        let Self { text, usage, upstream_model, finish_reason } = self;
        match finish_reason {
            None => Err(bad_response("the answer does not say why it ended")),
            Some(FinishReason::Length) if text.is_empty() => {
                Err(bad_response("the ceiling on output was reached before there was any text"))
            }
            Some(_) if text.is_empty() => Err(bad_response("the answer has no text")),
            Some(finish_reason) => Ok(Answer { text, usage, upstream_model, finish_reason }),
        }
    }

    /// The answer, when it came as a stream: without its end it is a cut one.
    pub(crate) fn finish_stream(self, has_ended: bool) -> Result<Answer, ProviderError> {
        if has_ended && self.finish_reason.is_some() { self.finish() } else { Err(stream_cut()) }
    }
}
