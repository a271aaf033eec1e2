//! Requests that their client gives a name: a repeat does nothing twice, and gets the first answer.

use crate::{
    App, Caller, Error, FailedGeneration, Finished, GenerateRequest, GenerationView, generate::Progress,
};
use domain::{
    id::{AccountId, GenerationId},
    ledger::Binding,
};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use storage::{BoundRequest, GenerationStatus};
use tokio::sync::watch;

const MAX_KEY_CHARS: usize = 255;
/// Milliseconds for which a name is kept: a day, and an hour for clocks that differ.
pub(crate) const KEPT_MS: i64 = 25 * 60 * 60 * 1_000;

/// A request's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    key: String,
    wait: Option<Duration>,
}

impl IdempotencyKey {
    /// Reads a name: 1 to 255 visible characters of ASCII.
    pub fn parse(text: &str) -> Option<Self> {
        let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic());
        let has_length = (1..=MAX_KEY_CHARS).contains(&text.len());
        (is_visible && has_length).then(|| Self { key: text.to_owned(), wait: None })
    }

    /// The same for a client that waits for so long, and no longer.
    #[must_use]
    pub fn waiting(self, wait: Option<Duration>) -> Self {
        Self { wait, ..self }
    }

    /// With what is asked for under it.
    pub(crate) fn of(self, request: &impl Serialize) -> Result<Binding, Error> {
        let request = serde_json::to_vec(request).map_err(|error| Error::Internal(error.to_string()))?;
        let wait_ms = self.wait.map(|wait| i64::try_from(wait.as_millis()).unwrap_or(i64::MAX));
        Ok(Binding { key: self.key, fingerprint: Sha256::digest(&request).into(), wait_ms })
    }
}

impl GenerateRequest {
    /// What tells it from other requests: what its client has asked for, before any catalog is looked at, for that may be
    /// another one when the request is repeated. How it is to be answered is no part of it.
    pub(crate) fn fingerprinted(&self) -> impl Serialize {
        let params = self.params.iter().filter(|(name, value)| *name != "stream" && !value.is_null());
        let params: BTreeMap<&str, Value> =
            params.map(|(name, value)| (name.as_str(), plain(value))).collect();
        let chat = self.chat.as_ref().map(|chat| (&chat.messages, &chat.options));
        ("generate", &self.model, params, chat, self.audio.as_ref().map(|audio| audio.sha256))
    }
}

/// A value as it is compared: a whole number is the same with and without its `.0`, and a member that is `null` is none.
fn plain(value: &Value) -> Value {
    match value {
        Value::Number(number) => {
            let text = number.to_string();
            let whole = text.strip_suffix(".0").and_then(|whole| serde_json::from_str(whole).ok());
            whole.unwrap_or_else(|| value.clone())
        }
        Value::Array(items) => items.iter().map(plain).collect(),
        Value::Object(members) => {
            let members = members.iter().filter(|(_, member)| !member.is_null());
            members.map(|(name, member)| (name.clone(), plain(member))).collect()
        }
        Value::Null | Value::Bool(_) | Value::String(_) => value.clone(),
    }
}

/// A repeat, and how the first one is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replay {
    /// How long the first client waits; `None` when it waits for the end.
    pub wait: Option<Duration>,
}

impl App {
    /// What was asked for before under the same name.
    ///
    /// # Errors
    /// [`Error::IdempotencyConflict`] when it was something else.
    pub(crate) async fn bound(
        &self,
        account_id: AccountId,
        binding: &Binding,
    ) -> Result<Option<BoundRequest>, Error> {
        let found = self.storage().bound_request(account_id, &binding.key).await?;
        match found {
            Some(found) if found.fingerprint != binding.fingerprint => Err(Error::IdempotencyConflict),
            found => Ok(found),
        }
    }

    /// The generation that the same request began before.
    pub(crate) async fn earlier_generation(
        &self,
        account_id: AccountId,
        binding: &Binding,
    ) -> Result<Option<(GenerationId, Replay)>, Error> {
        let Some(found) = self.bound(account_id, binding).await? else { return Ok(None) };
        let id = found.generation_id.ok_or(Error::IdempotencyConflict)?;
        let wait = found.wait_ms.map(|ms| Duration::from_millis(u64::try_from(ms).unwrap_or_default()));
        Ok(Some((id, Replay { wait })))
    }

    /// Whether a repeat of this request is to be told in pieces. `None` when something about that, or found on the way here, is
    /// wrong: it is to be checked like one that is none.
    pub(crate) fn repeat_streams(&self, request: &GenerateRequest) -> Option<bool> {
        let is_stream = match request.params.get("stream") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(stream)) => *stream,
            Some(_) => return None,
        };
        let model = self.catalog().model(&request.model);
        let can_stream = model.is_none_or(|model| model.supports_streaming());
        (request.errors.is_empty() && (can_stream || !is_stream)).then_some(is_stream)
    }

    /// Tells a listener how a generation ends that some process has begun.
    pub(crate) fn follow(
        &self,
        caller: &Caller,
        id: GenerationId,
        patience: Duration,
    ) -> watch::Receiver<Progress> {
        let (sender, progress) = watch::channel(Progress::default());
        let (app, caller) = (self.clone(), caller.clone());
        self.inner.tasks.spawn(async move {
            let view = tokio::select! {
                view = app.await_generation(&caller, id, patience) => view,
                () = sender.closed() => return,
            };
            sender.send_modify(|progress| tell(progress, id, view));
        });
        progress
    }
}

fn tell(progress: &mut Progress, id: GenerationId, view: Result<GenerationView, Error>) {
    let failed = |error| FailedGeneration { generation_id: Some(id), error };
    match view {
        Ok(view) => match view.record.status {
            GenerationStatus::Pending => progress.is_job = true,
            GenerationStatus::Failed => progress.end = Some(Err(failed(Error::on_record(&view.record)))),
            GenerationStatus::Completed => {
                view.record.result_text.as_deref().unwrap_or_default().clone_into(&mut progress.text);
                progress.end = Some(Ok(Arc::new(Finished::from(view))));
            }
        },
        Err(error) => progress.end = Some(Err(failed(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_visible_and_not_endless() {
        for good in ["a", "~!\"#", "8e03978e-40d5-43e8-bc93-6894a57f9324", &"x".repeat(255)] {
            assert!(IdempotencyKey::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "ä", "a\t", "a\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_none(), "{bad}");
        }
    }

    fn fingerprint(model: &str, params: Value) -> [u8; 32] {
        let Value::Object(params) = params else { panic!("{params}") };
        let request = GenerateRequest::new(model.to_owned(), params);
        IdempotencyKey::parse("a").unwrap().of(&request.fingerprinted()).unwrap().fingerprint
    }

    #[test]
    fn another_request_has_another_fingerprint() {
        let first = fingerprint("a", json!({ "prompt": "hello", "temperature": 1 }));
        for (model, params) in [
            ("b", json!({ "prompt": "hello", "temperature": 1 })),
            ("a", json!({ "prompt": "hello!", "temperature": 1 })),
            ("a", json!({ "prompt": "hello", "temperature": 1.5 })),
            ("a", json!({ "prompt": "hello" })),
        ] {
            assert_ne!(fingerprint(model, params.clone()), first, "{model} {params}");
        }
    }

    #[test]
    fn a_request_is_compared_as_it_is_read() {
        let first = fingerprint("a", json!({ "prompt": "hello", "temperature": 1, "x": [{ "y": 2 }] }));
        for params in [
            json!({ "temperature": 1, "x": [{ "y": 2 }], "prompt": "hello" }),
            json!({ "prompt": "hello", "temperature": 1.0, "x": [{ "y": 2.0, "z": null }] }),
            json!({ "prompt": "hello", "temperature": 1, "x": [{ "y": 2 }], "stream": true, "seed": null }),
        ] {
            assert_eq!(fingerprint("a", params.clone()), first, "{params}");
        }
    }
}
