//! The task behind one generation.

use super::{
    in_flight::TakeBack,
    order::{Order, Work},
    running::{Begun, Finished, Progress, Start},
};
use crate::{
    App, Error, FailedGeneration,
    failed_call::FailedCall,
    measure::{count_generation, count_late_settle},
    media::Prepared,
};
use domain::{
    catalog::Measured,
    id::{GenerationId, NodeId},
    ledger::{HoldRequest, Refusal, Resolution},
    media::{Job, Made, MediaCall, Product},
    params::Params,
    port::{Answer, ProviderError, ProviderErrorKind, Usage},
    text::ToolCall,
    time::Timestamp,
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use storage::{Completion, Hold, LedgerError};
use tokio::sync::watch;

/// Milliseconds beyond the vendor's time in which the IO client should have given up by itself.
const CALL_GRACE_MS: i64 = 2_000;

/// How a call to a vendor ended.
enum Called {
    /// With what the client gets, or why it gets nothing.
    Ended(Result<Completion, FailedCall>),
    /// It goes on as a job, which is kept.
    Job,
}

impl App {
    /// Holds, calls, settles, and tells the listeners how far it is.
    pub(super) async fn carry_out(
        &self,
        mut order: Order,
        listeners: &watch::Sender<Progress>,
        take_back: &TakeBack,
    ) {
        let model_slug = order.model_slug.clone();
        let end = match self.take_hold(&mut order).await {
            Ok(Some((hold, created_at, node_id))) => {
                let rate = hold.rate().state(order.limits, self.clock().now());
                let start = Start { created_at, balance_tokens: hold.balance_tokens(), rate };
                listeners.send_modify(|progress| progress.begun = Some(Begun::Held(start)));
                let called = match self.check_node(node_id).await {
                    Ok(()) => self.call_vendor(&order, created_at, listeners, take_back).await,
                    Err(error) => Called::Ended(Err(error.into())),
                };
                match called {
                    Called::Ended(result) => self.settle(order, hold, created_at, result).await,
                    Called::Job => {
                        hold.leave_to_job();
                        tracing::info!(outcome = "job", "generation goes on as a job");
                        return listeners.send_modify(|progress| progress.is_job = true);
                    }
                }
            }
            Ok(None) => {
                tracing::info!(outcome = "repeated", "generation was begun before");
                return listeners.send_modify(|progress| progress.begun = Some(Begun::Before));
            }
            Err(error) => Err(error.into()),
        };
        let outcome = match &end {
            Ok(_) => "completed",
            Err(failed) => failed.error.code(),
        };
        count_generation(&model_slug, outcome, end.as_ref().map_or(0, |finished| finished.tokens_spent));
        tracing::info!(outcome, "generation ended");
        listeners.send_modify(|progress| progress.end = Some(end));
    }

    /// Holds the price, and says when and under which process's name; `None` when the order's name says that it was carried out
    /// before.
    async fn take_hold(&self, order: &mut Order) -> Result<Option<(Hold, Timestamp, NodeId)>, Error> {
        let created_at = self.clock().now();
        let node_id = self.living_node_id().await?;
        let request = HoldRequest {
            account_id: order.account_id,
            generation_id: order.generation_id,
            price_tokens: order.price_tokens,
            model_slug: order.model_slug.clone(),
            category: order.category,
            key_id: order.key_id,
            node_id,
            created_at,
            deadline_at: created_at.plus_ms(order.timeout_ms + CALL_GRACE_MS),
            limits: order.limits,
            key_budget_tokens: order.key_budget_tokens,
            binding: order.binding.clone(),
            webhook_url: order.webhook_url.clone(),
            is_told: order.is_told_before_its_end(),
            vendor_cost_micro_usd: order.reserved.as_ref().and_then(|reserved| reserved.cost_micro_usd),
        };
        let ledger = self.storage().ledger();
        let mut held = ledger.hold(request.clone()).await;
        if matches!(held, Err(LedgerError::Refused(Refusal::RateLimited(_))))
            && let Some(limits) = self.other_limits(order.account_id, order.limits).await?
        {
            order.limits = limits;
            held = ledger.hold(HoldRequest { limits, ..request }).await;
        }
        let hold = match held {
            Ok(hold) => hold,
            Err(LedgerError::Bound(_)) => return Ok(None),
            // It was erased after the caller had been let in.
            Err(LedgerError::Refused(Refusal::UnknownAccount)) => return Err(Error::NotAuthenticated),
            Err(error) => return Err(error.into()),
        };
        if let Some(reserved) = order.reserved.take() {
            reserved.entered();
        }
        Ok(Some((hold, created_at, node_id)))
    }

    async fn call_vendor(
        &self,
        order: &Order,
        created_at: Timestamp,
        listeners: &watch::Sender<Progress>,
        take_back: &TakeBack,
    ) -> Called {
        match &order.work {
            Work::Chat(call) => {
                let mut on_delta =
                    |delta: &str| listeners.send_modify(|progress| progress.text.push_str(delta));
                let asking = in_time(call.timeout_ms, self.inner.provider.call(call, &mut on_delta));
                // What goes on as a job is stopped by its own means.
                let answer = tokio::select! {
                    biased;
                    answer = self.ask_vendor(order, asking) => answer,
                    () = take_back.stopped() => Err(Error::Canceled.into()),
                };
                Called::Ended(answer.map(|answer| self.completion(order, answer)))
            }
            Work::Media(prepared) => self.make(order, prepared, created_at).await,
        }
    }

    /// Waits for the vendor. The process's end is an answer too; but what the vendor has said by then counts, and what
    /// follows from it is not cut off.
    async fn ask_vendor<T>(
        &self,
        order: &Order,
        asking: impl Future<Output = Result<T, ProviderError>>,
    ) -> Result<T, FailedCall> {
        tokio::select! {
            biased;
            answer = asking => answer.map_err(|error| failed_call(order, &error)),
            () = self.inner.shutdown.cancelled() => Err(Error::Overloaded.into()),
        }
    }

    async fn make(&self, order: &Order, prepared: &Prepared, created_at: Timestamp) -> Called {
        let call = &prepared.call;
        match self.ask_vendor(order, in_time(call.timeout_ms, self.inner.provider.make(call))).await {
            Ok(Made::Done(product)) => self.bring_home(order, call, product).await,
            Ok(Made::Job(job)) => self.keep(order, call, job, created_at).await,
            Err(failed) => Called::Ended(Err(failed)),
        }
    }

    /// Makes a product ready. One that lies at its vendor's and cannot be fetched just now, or not before this process ends,
    /// goes on as a job, which has the time of the call once more.
    async fn bring_home(&self, order: &Order, call: &MediaCall, product: Product) -> Called {
        let kept = product.is_at_vendor().then(|| Made::Done(product.clone()));
        let finishing = self.finish(order.account_id, call, product);
        let end = tokio::select! {
            biased;
            end = finishing => end,
            () = self.inner.shutdown.cancelled(), if kept.is_some() => Err(Error::Overloaded),
        };
        if let (Err(error), Some(made)) = (&end, kept)
            && error.may_pass()
        {
            let deadline_at = self.clock().now().plus_ms(order.timeout_ms);
            if self.keep_job(order.account_id, call, &made, deadline_at).await.is_ok() {
                return Called::Job;
            }
        }
        Called::Ended(end.map_err(FailedCall::from))
    }

    /// Keeps a job that runs. One that cannot be kept is stopped, for nobody would ever ask after it.
    async fn keep(&self, order: &Order, call: &MediaCall, job: Job, created_at: Timestamp) -> Called {
        let state = job.state.clone();
        let deadline_at = created_at.plus_ms(order.timeout_ms);
        let Err(error) = self.keep_job(order.account_id, call, &Made::Job(job), deadline_at).await else {
            return Called::Job;
        };
        if let Err(error) = self.inner.provider.cancel(call, &state).await {
            tracing::warn!(
                vendor = call.vendor,
                kind = error.kind.name(),
                "a lost job goes on at its vendor"
            );
        }
        Called::Ended(Err(error.into()))
    }

    /// Spends the hold or gives it back, and only then says what happened.
    async fn settle(
        &self,
        order: Order,
        hold: Hold,
        created_at: Timestamp,
        result: Result<Completion, FailedCall>,
    ) -> Result<Arc<Finished>, FailedGeneration> {
        let id = order.generation_id;
        let failed = |error| FailedGeneration { generation_id: Some(id), error };
        let ended_at = self.clock().now();
        let ledger = self.storage().ledger();
        let completion = match result {
            Ok(completion) => completion,
            Err(call) => {
                let released = ledger.resolve(hold, Resolution::Failed(call.failure()), ended_at).await;
                if call.is_free && released.as_ref().is_ok_and(|released| !released.is_first) {
                    self.correct_spend(&order.vendor, (order.account_id, id), None).await;
                }
                return Err(match released {
                    Ok(_) => failed(call.error),
                    Err(error) if is_of_lost_hold(&error) => call.error.into(),
                    Err(error) => failed(error.into()),
                });
            }
        };
        let resolved = ledger.resolve(hold, Resolution::Completed(completion.clone()), ended_at).await;
        let resolved = match resolved {
            Ok(resolved) => resolved,
            Err(error) if is_of_lost_hold(&error) => {
                tracing::warn!(generation_id = id.0, "a hold was lost with the database");
                return Err(Error::Interrupted.into());
            }
            Err(error) => return Err(failed(self.give_up(&order, error.into(), ended_at).await)),
        };
        if !resolved.is_completed {
            // The hold was given back meanwhile, by the client's wish or because others took this process for dead: the late
            // answer is not charged, and not given.
            tracing::warn!(generation_id = id.0, "a settle came too late");
            count_late_settle();
            // Where nobody knows what it cost, what it may have cost stays on the vendor's bill.
            if let Some(cost_micro_usd) = completion.vendor_cost_micro_usd {
                self.correct_spend(&order.vendor, (order.account_id, id), Some(cost_micro_usd)).await;
            }
            if let Err(error) = self.discard(order.account_id, id, &completion.files).await {
                tracing::warn!(generation_id = id.0, %error, "files that nobody gets stay");
            }
            let record = self.storage().generation(order.account_id, id).await.ok().flatten();
            let code = record.and_then(|record| record.error_code);
            let is_canceled = code.as_deref() == Some(Error::Canceled.code());
            return Err(failed(if is_canceled { Error::Canceled } else { Error::Interrupted }));
        }
        let result_file = completion.result_file.clone();
        let url = |name: Option<String>| name.map(|name| self.file_url(&name));
        Ok(Arc::new(Finished {
            id,
            model_slug: order.model_slug,
            text: completion.result_text,
            result_file,
            result_url: url(completion.result_file),
            thumbnail_url: url(completion.thumbnail_file),
            metadata: completion.result_metadata,
            tokens_spent: resolved.tokens_spent,
            balance_tokens: resolved.balance_tokens,
            created_at,
            completed_at: ended_at,
        }))
    }

    fn completion(&self, order: &Order, answer: Answer) -> Completion {
        let metadata = serde_json::to_string(&Metadata::of(order.generation_id, &answer)).unwrap_or_default();
        let measured = Measured { usage: answer.usage, ..Measured::default() };
        Completion {
            prompt: order.prompt.clone(),
            // The parameters of a conversation do not matter to its vendor's bill.
            vendor_cost_micro_usd: self.vendor_cost_micro_usd(
                &order.model_slug,
                &Params::default(),
                measured,
            ),
            result_text: Some(answer.text).filter(|text| !text.is_empty()).map(Arc::from),
            result_file: None,
            thumbnail_file: None,
            files: Vec::new(),
            expires_at: self.kept_until(&order.plan, self.clock().now()),
            result_metadata: metadata,
        }
    }

    /// An answer that the database will not take, whatever the reason, is a failed generation: its hold goes back.
    async fn give_up(&self, order: &Order, error: Error, ended_at: Timestamp) -> Error {
        if matches!(error, Error::Internal(_)) {
            let (account_id, id) = (order.account_id, order.generation_id);
            let ledger = self.storage().ledger();
            let released = ledger.release(account_id, id, error.failure(), ended_at).await;
            if let Err(error) = released {
                tracing::error!(generation_id = id.0, %error, "a hold stays for the worker to give back");
            }
        }
        error
    }
}

/// Whether the database was killed before a hold was on its disk that nobody had been told of. Nothing is held then, and nothing can be
/// charged.
const fn is_of_lost_hold(error: &LedgerError) -> bool {
    matches!(error, LedgerError::Refused(Refusal::UnknownGeneration))
}

/// Time running out is an answer, even of a client that should have noticed.
pub(crate) async fn in_time<T>(
    timeout_ms: i64,
    call: impl Future<Output = Result<T, ProviderError>>,
) -> Result<T, ProviderError> {
    let limit = Duration::from_millis(u64::try_from(timeout_ms + CALL_GRACE_MS).unwrap_or_default());
    tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
        Err(ProviderError::new(ProviderErrorKind::Timeout, "the client did not give up in time"))
    })
}

fn failed_call(order: &Order, error: &ProviderError) -> FailedCall {
    tracing::warn!(vendor = order.vendor, kind = error.kind.name(), message = error.message, "vendor");
    FailedCall::at_vendor(error, &order.vendor, &order.model_slug)
}

/// What a vendor says it used, as clients see it.
#[derive(Serialize)]
pub(crate) struct UsageBody {
    input_tokens: i64,
    output_tokens: i64,
}

impl From<Usage> for UsageBody {
    fn from(Usage { input_tokens, output_tokens, .. }: Usage) -> Self {
        Self { input_tokens, output_tokens }
    }
}

/// About an answer that is text.
#[derive(Serialize)]
struct Metadata<'a> {
    finish_reason: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<UsageBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upstream_model: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<ToolCall>,
}

impl<'a> Metadata<'a> {
    fn of(id: GenerationId, answer: &'a Answer) -> Self {
        let calls = answer.tool_calls.iter().enumerate().map(|(index, function)| ToolCall {
            id: format!("call_{id}_{index}", id = id.0),
            function: function.clone(),
        });
        Self {
            finish_reason: answer.finish_reason.name(),
            usage: answer.usage.map(UsageBody::from),
            upstream_model: answer.upstream_model.as_deref(),
            tool_calls: calls.collect(),
        }
    }
}
