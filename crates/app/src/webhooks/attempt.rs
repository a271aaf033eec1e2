//! One attempt at a delivery, and what follows from it.

use super::{message::message_id, signing::rotations};
use crate::{App, Error};
use domain::{
    time::Timestamp,
    webhook::{DISABLED_AFTER_MS, retry_delay_ms},
};
use storage::{AttemptOutcome as Outcome, ClaimedDelivery};

/// The HTTP status by which a receiver says that it wants no more.
const GONE: u16 = 410;

/// How an attempt ended.
enum Sent {
    /// By this HTTP status.
    Answered(u16),
    /// Without an answer; why, for its owner.
    Unanswered(String),
    /// Nothing was sent, nor will it be.
    Unsent {
        /// Why, for its owner.
        error: &'static str,
        /// Whether that speaks against the endpoint.
        is_of_host: bool,
    },
    /// Nothing was sent: its endpoint is gone, and so shall it be.
    Dropped,
}

impl App {
    /// Sends a claimed delivery, and writes down what came of it. Should this process end meanwhile, another takes it up when
    /// the lease has run out.
    pub(super) async fn attempt(&self, delivery: &ClaimedDelivery) -> Result<(), Error> {
        let sent = tokio::select! {
            sent = self.send(delivery) => sent?,
            () = self.inner.shutdown.cancelled() => return Ok(()),
        };
        let now = self.clock().now();
        let (response_status, error) = match sent {
            Sent::Dropped => return Ok(self.storage().drop_delivery(delivery).await?),
            Sent::Unsent { error, is_of_host } => {
                let error = Some(error.to_owned());
                let outcome = Outcome { is_sent: false, response_status: None, error, next_attempt_at: None };
                if self.storage().end_attempt(delivery, outcome.clone()).await? && is_of_host {
                    self.judge(delivery, &outcome, now).await?;
                }
                return Ok(());
            }
            Sent::Answered(status @ 200..=299) => (Some(status), None),
            Sent::Answered(status) => (Some(status), Some(format!("the answer was status {status}"))),
            Sent::Unanswered(error) => (None, Some(error)),
        };
        let made = delivery.attempts + 1;
        let is_tried_again = error.is_some() && response_status != Some(GONE);
        let delay_ms = retry_delay_ms(made).filter(|_| is_tried_again);
        let next_attempt_at = delay_ms.map(|delay_ms| now.plus_ms(with_jitter(delay_ms)));
        tracing::info!(delivery_id = delivery.id.0, attempts = made, response_status, error, "webhook");
        let outcome = Outcome { is_sent: true, response_status, error, next_attempt_at };
        if self.storage().end_attempt(delivery, outcome.clone()).await? {
            self.judge(delivery, &outcome, now).await?;
        }
        Ok(())
    }

    /// Notes how an attempt at an endpoint went, and disables one that wants no more, or has taken nothing for long.
    async fn judge(
        &self,
        delivery: &ClaimedDelivery,
        outcome: &Outcome,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (account_id, Some(endpoint_id)) = (delivery.account_id, delivery.endpoint_id) else {
            return Ok(());
        };
        let failure = outcome.error.as_deref().map(|error| (error, now));
        let failing_since = self.storage().note_endpoint_health(account_id, endpoint_id, failure).await?;
        let is_gone = outcome.response_status == Some(GONE);
        let is_given_up = failure.is_some() && outcome.next_attempt_at.is_none();
        let is_dead = is_given_up && failing_since.is_some_and(|at| now.ms_since(at) >= DISABLED_AFTER_MS);
        if is_gone || is_dead {
            tracing::info!(endpoint_id = endpoint_id.0, is_gone, "a webhook endpoint is disabled");
            self.storage().set_endpoint_disabled(account_id, endpoint_id, Some(now)).await?;
        }
        Ok(())
    }

    /// Sends a delivery.
    async fn send(&self, delivery: &ClaimedDelivery) -> Result<Sent, Error> {
        let (account_id, event_id) = (delivery.account_id, delivery.event_id);
        let now = self.clock().now();
        let rotations = match delivery.endpoint_id {
            None => vec![0],
            Some(id) => match self.storage().endpoint(account_id, id).await? {
                None => return Ok(Sent::Dropped),
                Some(endpoint) if endpoint.disabled_at.is_some() && !delivery.is_redelivery => {
                    return Ok(Sent::Unsent { error: "the endpoint was disabled", is_of_host: false });
                }
                Some(endpoint) => rotations(&endpoint, now),
            },
        };
        if delivery.give_up_at <= now {
            return Ok(Sent::Unsent { error: "its turn came too late", is_of_host: true });
        }
        let forgotten = Sent::Unsent { error: "what it tells of is no longer kept", is_of_host: false };
        let Some(event) = self.storage().event(account_id, event_id).await? else {
            return Ok(forgotten);
        };
        let Some(body) = self.webhook_body(account_id, event_id, &event).await? else {
            return Ok(forgotten);
        };
        let id = message_id(event_id);
        let by = (account_id, delivery.endpoint_id);
        let signature = self.sign_webhook(by, &rotations, &id, now, &body)?;
        let headers = [
            ("webhook-id", id),
            ("webhook-timestamp", now.unix_ms().div_euclid(1_000).to_string()),
            ("webhook-signature", signature),
        ];
        let sent = self.inner.webhooks.sender.send(&delivery.url, &headers, body).await;
        Ok(sent.map_or_else(Sent::Unanswered, Sent::Answered))
    }
}

/// Up to a fifth less, so that what failed together does not come together again.
fn with_jitter(delay_ms: i64) -> i64 {
    let random = getrandom::u32().map_or(0, i64::from);
    delay_ms - random % (delay_ms / 5 + 1)
}
