//! From events to deliveries, and what is old forgotten.

use crate::{App, Error};
use domain::{
    id::{AccountId, DeliveryId},
    time::DAY_MS,
    webhook::{CLOCK_SLACK_MS, EventType},
};
use std::{collections::BTreeSet, mem};
use storage::{EndpointRecord, NewDelivery, NewsRecord};

/// Events that one step makes deliveries of.
const STEP_LEN: u32 = 200;
/// Such steps in one round, at most.
const MOST_STEPS: usize = 10;
/// Deliveries for which events are taken up together: their transaction holds one of the ledger's connections.
const TOGETHER: usize = 500;
/// Milliseconds for which deliveries are kept.
const DELIVERIES_KEPT_MS: i64 = 30 * DAY_MS;
/// Milliseconds for which events are kept: longer than any cycle, whose event says that it was told of a low balance.
const EVENTS_KEPT_MS: i64 = 40 * DAY_MS;
/// Rows that are forgotten in one step.
const FORGET_LEN: u32 = 1_000;

impl App {
    /// Forgets what is old. To be called now and then.
    ///
    /// # Errors
    /// The database's; what was forgotten before stays forgotten.
    pub async fn forget_events(&self) -> Result<u64, Error> {
        let now = self.clock().now();
        let (deliveries, events) = (now.plus_ms(-DELIVERIES_KEPT_MS), now.plus_ms(-EVENTS_KEPT_MS));
        let mut forgotten = 0;
        loop {
            let step = self.storage().forget_events(deliveries, events, FORGET_LEN).await?;
            forgotten += step;
            if step < u64::from(FORGET_LEN) {
                return Ok(forgotten);
            }
        }
    }

    /// Makes deliveries of what has happened, the oldest first.
    pub(super) async fn fan_out(&self) -> Result<(), Error> {
        for _ in 0..MOST_STEPS {
            let news = self.storage().news(STEP_LEN).await?;
            let count = news.len();
            self.fan_out_step(news).await?;
            if count < usize::try_from(STEP_LEN).unwrap_or(usize::MAX) {
                break;
            }
        }
        Ok(())
    }

    async fn fan_out_step(&self, news: Vec<NewsRecord>) -> Result<(), Error> {
        let accounts: BTreeSet<AccountId> = news.iter().map(|event| event.account_id).collect();
        let endpoints = self.storage().enabled_endpoints(accounts).await?;
        let (mut events, mut deliveries) = (Vec::new(), Vec::new());
        for event in news {
            let hearing = endpoints.iter().filter(|endpoint| hears(endpoint, &event));
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
            events.push(event);
            if deliveries.len() >= TOGETHER {
                self.storage().fan_out(&mem::take(&mut events), mem::take(&mut deliveries)).await?;
            }
        }
        Ok(self.storage().fan_out(&events, deliveries).await?)
    }
}

/// Whether an endpoint is told of an event: of none that was long before it.
fn hears(endpoint: &EndpointRecord, event: &NewsRecord) -> bool {
    let event_type = EventType::parse(&event.event_type);
    endpoint.account_id == event.account_id
        && endpoint.created_at <= event.created_at.plus_ms(CLOCK_SLACK_MS)
        && event_type.is_some_and(|event_type| endpoint.events.contains(&event_type))
}
