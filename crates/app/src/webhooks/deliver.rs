//! Rounds over what is to be told: events become deliveries, and those that are due are sent, each by one worker, in a task
//! of its own.

use super::places::Place;
use crate::{App, Error, Round};
use domain::{
    id::{AccountId, DeliveryId},
    time::Timestamp,
};
use std::{collections::BTreeMap, sync::atomic::Ordering};
use storage::DueDelivery;
use tokio::{sync::OwnedSemaphorePermit, task::JoinHandle};

/// Milliseconds for which a delivery is left to its worker: longer than any attempt takes.
const LEASE_MS: i64 = 60_000;
/// Lanes that one step walks along.
const LANES_WALKED: u32 = 1_000;
/// Lanes out of which one step takes deliveries, at most.
const LANES_TAKEN: usize = 64;
/// Such steps in one round, at most.
const MOST_STEPS: usize = 16;
/// Before the first lane.
pub(super) const START: i64 = -1;

/// Places at a host and for an account.
type Taken = (Place<String>, Place<AccountId>);

impl App {
    /// Makes deliveries of what has happened, and takes up those that are due, as far as there is room for them. The lanes in
    /// which they wait take turns: a round goes on where the one before ended.
    ///
    /// # Errors
    /// The database's.
    pub async fn deliver_webhooks(&self) -> Result<Round, Error> {
        // Counts as a task itself, so that the end of this process waits for what is being claimed.
        let _counted = self.inner.tasks.token();
        if self.inner.tasks.is_closed() {
            return Ok(Round::default());
        }
        if let Err(error) = self.fan_out().await {
            // What has its deliveries is sent all the same.
            tracing::warn!(%error, "events wait to be told");
        }
        let webhooks = &self.inner.webhooks;
        let mut tasks = Vec::new();
        for _ in 0..MOST_STEPS {
            let free = u32::try_from(webhooks.room.available_permits()).unwrap_or(u32::MAX);
            let room = webhooks.room.clone().try_acquire_many_owned(free).ok().filter(|_| free > 0);
            let Some(room) = room else { break };
            tasks.extend(self.deliver_step(room).await?);
            if webhooks.lane.load(Ordering::Relaxed) == START {
                break;
            }
        }
        Ok(Round::of(tasks))
    }

    /// Walks along some lanes, and sends what there is room for. When the last is behind it, the next step begins with the first.
    async fn deliver_step(&self, mut room: OwnedSemaphorePermit) -> Result<Vec<JoinHandle<()>>, Error> {
        let now = self.clock().now();
        let lanes = self.open_lanes(now, room.num_permits().min(LANES_TAKEN)).await?;
        let per_lane = self.inner.settings.webhooks.sent_at_once_per_host;
        let per_lane = u32::try_from(per_lane).unwrap_or(u32::MAX);
        let due = self.storage().due_deliveries(now, &lanes, per_lane).await?;
        let (chosen, mut taken) = self.choose(due, room.num_permits());
        let claimed = self.storage().claim_deliveries(&chosen, now, now.plus_ms(LEASE_MS)).await?;
        let tasks = claimed.into_iter().map(|delivery| {
            let kept = (room.split(1), taken.remove(&(delivery.account_id, delivery.id)));
            let app = self.clone();
            self.inner.tasks.spawn(async move {
                if let Err(error) = app.attempt(&delivery).await {
                    // The lease runs out, and another round takes it up.
                    tracing::warn!(delivery_id = delivery.id.0, %error, "a delivery stays claimed");
                }
                drop(kept);
            })
        });
        Ok(tasks.collect())
    }

    /// The next `most` lanes in which something is due that there are places for. Notes where the following step goes on.
    async fn open_lanes(&self, now: Timestamp, most: usize) -> Result<Vec<i64>, Error> {
        let webhooks = &self.inner.webhooks;
        let after = webhooks.lane.load(Ordering::Relaxed);
        let lanes = self.storage().lanes(now, after, LANES_WALKED).await?;
        let is_last = lanes.len() < usize::try_from(LANES_WALKED).unwrap_or(usize::MAX);
        let (mut open, mut walked) = (Vec::new(), 0);
        for lane in &lanes {
            if open.len() >= most {
                break;
            }
            walked += 1;
            let is_open = |(account_id, host): &(AccountId, String)| {
                !webhooks.accounts.is_full(account_id) && !webhooks.hosts.is_full(host)
            };
            if lane.first.as_ref().is_some_and(is_open) {
                open.push(lane.id);
            }
        }
        let is_around = is_last && walked == lanes.len();
        let behind = lanes.get(walked.saturating_sub(1)).map_or(START, |lane| lane.id);
        webhooks.lane.store(if is_around { START } else { behind }, Ordering::Relaxed);
        Ok(open)
    }

    /// Chooses among what is due as much as there is room for: here, at each host, and for each account.
    fn choose(
        &self,
        due: Vec<DueDelivery>,
        room: usize,
    ) -> (Vec<DueDelivery>, BTreeMap<(AccountId, DeliveryId), Taken>) {
        let webhooks = &self.inner.webhooks;
        let (mut chosen, mut taken) = (Vec::new(), BTreeMap::new());
        for delivery in due {
            if chosen.len() >= room {
                break;
            }
            let host = webhooks.hosts.enter(&delivery.host);
            if let Some(places) = host.zip(webhooks.accounts.enter(&delivery.account_id)) {
                taken.insert((delivery.account_id, delivery.id), places);
                chosen.push(delivery);
            }
        }
        (chosen, taken)
    }
}
