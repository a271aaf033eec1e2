//! Rounds over what is to be told: events become deliveries, and those that are due are sent, each by one worker, in a task
//! of its own.

use super::{hosts::Place, message::message_id, signing::rotations};
use crate::{App, Error, Round};
use domain::{
    id::{AccountId, DeliveryId},
    time::{DAY_MS, Timestamp},
    webhook::{DISABLED_AFTER_MS, EventType, retry_delay_ms},
};
use std::collections::{BTreeMap, BTreeSet};
use storage::{AttemptOutcome, ClaimedDelivery, DueDelivery, EndpointRecord, NewDelivery, NewsRecord};

/// Events that one step makes deliveries of.
const FAN_OUT_LEN: u32 = 200;
/// Such steps in one round, at most.
const FAN_OUT_STEPS: usize = 10;
/// Deliveries that one round looks at, to choose from.
const LOOKED_AT: u32 = 500;
/// Milliseconds for which a delivery is left to its worker: longer than any attempt takes.
const LEASE_MS: i64 = 60_000;
/// Milliseconds for which events and deliveries are kept.
const KEPT_MS: i64 = 30 * DAY_MS;
/// Rows that are forgotten in one step.
const FORGET_LEN: u32 = 1_000;
/// The HTTP status by which a receiver says that it wants no more.
const GONE: u16 = 410;

/// How an attempt ended.
enum Sent {
    /// By this HTTP status.
    Answered(u16),
    /// Without an answer; why, for its owner.
    Unanswered(String),
    /// Nothing was sent: what it tells of is no longer kept.
    Forgotten,
    /// Nothing was sent: its endpoint is gone, and it with it.
    Dropped,
}

impl App {
    /// Makes deliveries of what has happened, and takes up those that are due, as far as there is room for them.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliver_webhooks(&self) -> Result<Round, Error> {
        // Counts as a task itself, so that the end of this process waits for what is being claimed.
        let _counted = self.inner.tasks.token();
        if self.inner.tasks.is_closed() {
            return Ok(Round::default());
        }
        for _ in 0..FAN_OUT_STEPS {
            if self.fan_out().await? < usize::try_from(FAN_OUT_LEN).unwrap_or(usize::MAX) {
                break;
            }
        }
        let webhooks = &self.inner.webhooks;
        let free = u32::try_from(webhooks.room.available_permits()).unwrap_or(u32::MAX);
        let Some(mut room) = webhooks.room.clone().try_acquire_many_owned(free).ok().filter(|_| free > 0)
        else {
            return Ok(Round::default());
        };
        let now = self.clock().now();
        let due = self.storage().due_deliveries(now, LOOKED_AT, webhooks.hosts.full()).await?;
        let (chosen, mut places) = self.choose(due, room.num_permits());
        let claimed = self.storage().claim_deliveries(&chosen, now, now.plus_ms(LEASE_MS)).await?;
        let tasks = claimed.into_iter().map(|delivery| {
            let kept = (room.split(1), places.remove(&(delivery.account_id, delivery.id)));
            let app = self.clone();
            self.inner.tasks.spawn(async move {
                if let Err(error) = app.attempt(&delivery).await {
                    // The lease runs out, and another round takes it up.
                    tracing::warn!(delivery_id = delivery.id.0, %error, "a delivery stays claimed");
                }
                drop(kept);
            })
        });
        Ok(Round::of(tasks.collect()))
    }

    /// Forgets what is old. To be called now and then.
    ///
    /// # Errors
    /// The database's; what was forgotten before stays forgotten.
    pub async fn forget_events(&self) -> Result<u64, Error> {
        let before = self.clock().now().plus_ms(-KEPT_MS);
        let mut forgotten = 0;
        loop {
            let step = self.storage().forget_events(before, FORGET_LEN).await?;
            forgotten += step;
            if step < u64::from(FORGET_LEN) {
                return Ok(forgotten);
            }
        }
    }

    /// Makes deliveries of the oldest events that have none yet, and says how many events it were.
    async fn fan_out(&self) -> Result<usize, Error> {
        let news = self.storage().news(FAN_OUT_LEN).await?;
        if news.is_empty() {
            return Ok(0);
        }
        let accounts: BTreeSet<AccountId> = news.iter().map(|event| event.account_id).collect();
        let endpoints = self.storage().enabled_endpoints(accounts).await?;
        let mut deliveries = Vec::new();
        for event in &news {
            let hearing = endpoints.iter().filter(|endpoint| hears(endpoint, event));
            let named = hearing.map(|endpoint| (Some(endpoint.id), endpoint.url.clone()));
            for (endpoint_id, url) in named.chain(event.webhook_url.clone().map(|url| (None, url))) {
                deliveries.push(NewDelivery {
                    id: DeliveryId(self.storage().next_id().await?),
                    account_id: event.account_id,
                    event_id: event.event_id,
                    endpoint_id,
                    // One that cannot be sent to any more says so when it is tried.
                    host: self.inner.webhooks.sender.host(&url).unwrap_or_default(),
                    url,
                });
            }
        }
        self.storage().fan_out(&news, deliveries).await?;
        Ok(news.len())
    }

    /// Chooses among what is due as much as there is room for, here and at each host.
    fn choose(
        &self,
        due: Vec<DueDelivery>,
        room: usize,
    ) -> (Vec<DueDelivery>, BTreeMap<(AccountId, DeliveryId), Place>) {
        let (mut chosen, mut places) = (Vec::new(), BTreeMap::new());
        for delivery in due {
            if chosen.len() >= room {
                break;
            }
            if let Some(place) = self.inner.webhooks.hosts.enter(&delivery.host) {
                places.insert((delivery.account_id, delivery.id), place);
                chosen.push(delivery);
            }
        }
        (chosen, places)
    }

    /// Sends a claimed delivery, and writes down what came of it. Should this process end meanwhile, another takes it up when
    /// the lease has run out.
    async fn attempt(&self, delivery: &ClaimedDelivery) -> Result<(), Error> {
        let sent = tokio::select! {
            sent = self.send(delivery) => sent?,
            () = self.inner.shutdown.cancelled() => return Ok(()),
        };
        let now = self.clock().now();
        let (response_status, error) = match sent {
            Sent::Dropped => return Ok(()),
            Sent::Forgotten => {
                let error = Some("what it tells of is no longer kept".to_owned());
                let outcome = AttemptOutcome { response_status: None, error, next_attempt_at: None };
                return self.storage().end_attempt(delivery, outcome).await.map(drop).map_err(Error::from);
            }
            Sent::Answered(status @ 200..=299) => (Some(status), None),
            Sent::Answered(status) => (Some(status), Some(format!("the answer was status {status}"))),
            Sent::Unanswered(error) => (None, Some(error)),
        };
        let is_gone = response_status == Some(GONE);
        let delay_ms = retry_delay_ms(delivery.attempts).filter(|_| error.is_some() && !is_gone);
        let next_attempt_at = delay_ms.map(|delay_ms| now.plus_ms(with_jitter(delay_ms)));
        let is_given_up = error.is_some() && next_attempt_at.is_none();
        tracing::info!(
            delivery_id = delivery.id.0,
            attempts = delivery.attempts,
            response_status,
            error,
            "webhook"
        );
        let outcome = AttemptOutcome { response_status, error: error.clone(), next_attempt_at };
        if self.storage().end_attempt(delivery, outcome).await? {
            self.judge(delivery, error, is_gone, is_given_up, now).await?;
        }
        Ok(())
    }

    /// Notes how an attempt at an endpoint went, and disables one that wants no more, or has taken nothing for long.
    async fn judge(
        &self,
        delivery: &ClaimedDelivery,
        error: Option<String>,
        is_gone: bool,
        is_given_up: bool,
        now: Timestamp,
    ) -> Result<(), Error> {
        let (account_id, Some(endpoint_id)) = (delivery.account_id, delivery.endpoint_id) else {
            return Ok(());
        };
        let failure = error.as_deref().map(|error| (error, now));
        let failing_since = self.storage().note_endpoint_health(account_id, endpoint_id, failure).await?;
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
                Some(endpoint) => rotations(&endpoint, now),
                None => return Ok(Sent::Dropped),
            },
        };
        let Some(event) = self.storage().event(account_id, event_id).await? else {
            return Ok(Sent::Forgotten);
        };
        let Some(body) = self.webhook_body(account_id, event_id, &event).await? else {
            return Ok(Sent::Forgotten);
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

/// Whether an endpoint is told of an event: of none that was before it.
fn hears(endpoint: &EndpointRecord, event: &NewsRecord) -> bool {
    let event_type = EventType::parse(&event.event_type);
    endpoint.account_id == event.account_id
        && endpoint.created_at <= event.created_at
        && event_type.is_some_and(|event_type| endpoint.events.contains(&event_type))
}

/// Up to a fifth less, so that what failed together does not come together again.
fn with_jitter(delay_ms: i64) -> i64 {
    let random = getrandom::u32().map_or(0, i64::from);
    delay_ms - random % (delay_ms / 5 + 1)
}
