//! Requests that their client gives a name: a repeat does nothing twice, and gets the first answer.

use crate::{App, Caller, Error, FailedGeneration, Finished, GenerationView, generate::Progress};
use domain::{
    id::{AccountId, GenerationId},
    ledger::Binding,
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::{sync::Arc, time::Duration};
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
                progress.text = view.record.result_text.clone().unwrap_or_default();
                progress.end = Some(Ok(Arc::new(Finished::from(view))));
            }
        },
        Err(error) => progress.end = Some(Err(failed(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_and_not_endless() {
        for good in ["a", "~!\"#", "8e03978e-40d5-43e8-bc93-6894a57f9324", &"x".repeat(255)] {
            assert!(IdempotencyKey::parse(good).is_some(), "{good}");
        }
        for bad in ["", " ", "a b", "ä", "a\t", "a\u{7f}", &"x".repeat(256)] {
            assert!(IdempotencyKey::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn another_request_has_another_fingerprint() {
        let of = |request: (&str, u32)| IdempotencyKey::parse("a").unwrap().of(&request).unwrap().fingerprint;
        assert_eq!(of(("a", 1)), of(("a", 1)));
        assert_ne!(of(("a", 1)), of(("b", 1)));
        assert_ne!(of(("a", 1)), of(("a", 2)));
    }
}
