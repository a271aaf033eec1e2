//! The task behind one generation.

use super::{
    order::Order,
    running::{Finished, Progress},
};
use crate::{App, Error, FailedGeneration};
use domain::{
    ledger::{Failure, HoldRequest, Resolution},
    port::{Answer, ProviderError, ProviderErrorKind},
    time::Timestamp,
};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use storage::{Completion, Hold};
use tokio::sync::watch;
use tracing::Span;

/// Milliseconds beyond the vendor's time in which the IO client should have given up by itself.
const CALL_GRACE_MS: i64 = 2_000;

impl App {
    /// Holds, calls, settles, and tells the listeners how far it is.
    pub(super) async fn carry_out(&self, order: Order, listeners: &watch::Sender<Progress>) {
        let end = match self.take_hold(&order).await {
            Ok((hold, created_at)) => {
                listeners.send_modify(|progress| progress.is_held = true);
                let answer = self.call_vendor(&order, listeners).await;
                self.settle(order, hold, created_at, answer).await
            }
            Err(error) => Err(error.into()),
        };
        let outcome = match &end {
            Ok(_) => "completed",
            Err(failed) => failed.error.code(),
        };
        Span::current().record("outcome", outcome);
        tracing::info!("generation ended");
        listeners.send_modify(|progress| progress.end = Some(end));
    }

    async fn take_hold(&self, order: &Order) -> Result<(Hold, Timestamp), Error> {
        let created_at = self.clock().now();
        let request = HoldRequest {
            account_id: order.account_id,
            generation_id: order.call.generation_id,
            price_tokens: order.price_tokens,
            model_slug: order.model_slug.clone(),
            key_id: order.key_id,
            node_id: self.living_node_id().await?,
            created_at,
            deadline_at: created_at.plus_ms(order.call.timeout_ms + CALL_GRACE_MS),
        };
        Ok((self.storage().ledger().hold(request).await?, created_at))
    }

    /// Asks the vendor. The process's end, and time running out, are answers too.
    async fn call_vendor(&self, order: &Order, listeners: &watch::Sender<Progress>) -> Result<Answer, Error> {
        let mut on_delta = |delta: &str| listeners.send_modify(|progress| progress.text.push_str(delta));
        let limit_ms = order.call.timeout_ms + CALL_GRACE_MS;
        let limit = Duration::from_millis(u64::try_from(limit_ms).unwrap_or_default());
        let call = tokio::time::timeout(limit, self.inner.provider.call(&order.call, &mut on_delta));
        let answer = tokio::select! {
            answer = call => answer,
            () = self.inner.shutdown.cancelled() => return Err(Error::Overloaded),
        };
        let answer = answer.unwrap_or_else(|_| {
            Err(ProviderError::new(ProviderErrorKind::Timeout, "the client did not give up in time"))
        });
        answer.map_err(|error| {
            tracing::warn!(
                vendor = order.call.vendor,
                kind = error.kind.name(),
                message = error.message,
                "vendor"
            );
            Error::from_provider(&error, &order.call.vendor, &order.model_slug)
        })
    }

    /// Spends the hold or gives it back, and only then says what happened.
    async fn settle(
        &self,
        order: Order,
        hold: Hold,
        created_at: Timestamp,
        answer: Result<Answer, Error>,
    ) -> Result<Arc<Finished>, FailedGeneration> {
        let id = order.call.generation_id;
        let failed = |error| FailedGeneration { generation_id: Some(id), error };
        let ended_at = self.clock().now();
        let ledger = self.storage().ledger();
        let answer = match answer {
            Ok(answer) => answer,
            Err(error) => {
                let failure = Failure { error_code: error.code().to_owned(), message: error.to_string() };
                let released = ledger.resolve(hold, Resolution::Failed(failure), ended_at).await;
                return Err(failed(released.err().map_or(error, Error::from)));
            }
        };
        let metadata = metadata(&answer);
        let completion = Completion {
            prompt: order.prompt.clone(),
            result_text: answer.text.clone(),
            result_metadata: metadata.to_string(),
            vendor_cost_micro_usd: order
                .vendor_price
                .zip(answer.usage)
                .map(|(price, usage)| price.cost_micro_usd(&usage)),
        };
        let resolved = ledger.resolve(hold, Resolution::Completed(completion), ended_at).await;
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(error) => return Err(failed(self.give_up(&order, error.into(), ended_at).await)),
        };
        if !resolved.is_completed {
            // Others took this process for dead and gave the hold back: the late answer is not charged, and not given.
            tracing::warn!(generation_id = id.0, "a settle came too late");
            return Err(failed(Error::Interrupted));
        }
        Ok(Arc::new(Finished {
            id,
            model_slug: order.model_slug,
            text: answer.text,
            metadata,
            tokens_spent: resolved.tokens_spent,
            balance_tokens: resolved.balance_tokens,
            created_at,
            completed_at: ended_at,
        }))
    }

    /// An answer that the database will not take, whatever the reason, is a failed generation: its hold goes back.
    async fn give_up(&self, order: &Order, error: Error, ended_at: Timestamp) -> Error {
        if matches!(error, Error::Internal(_)) {
            let failure =
                Failure { error_code: error.code().to_owned(), message: Error::Interrupted.to_string() };
            let (account_id, id) = (order.account_id, order.call.generation_id);
            let released = self.storage().ledger().release_lost(account_id, id, failure, ended_at).await;
            if let Err(error) = released {
                tracing::error!(generation_id = id.0, %error, "a hold stays for the worker to give back");
            }
        }
        error
    }
}

fn metadata(answer: &Answer) -> Value {
    let mut metadata = json!({ "finish_reason": answer.finish_reason.name() });
    if let Some(usage) = answer.usage {
        metadata["usage"] =
            json!({ "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens });
    }
    if let Some(upstream_model) = &answer.upstream_model {
        metadata["upstream_model"] = json!(upstream_model);
    }
    metadata
}
