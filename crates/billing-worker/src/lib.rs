//! What runs when. The rules are in `app`; any number of processes may run this on one database.

use app::{App, HEARTBEAT_MS};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Milliseconds between two rounds of recovery.
const RECOVERY_MS: u64 = 5_000;
/// Milliseconds between two looks for erased accounts of which something is left.
const ERASING_MS: u64 = 5_000;
/// Milliseconds between two looks for jobs that are due.
const POLLING_MS: u64 = 500;
/// Milliseconds between two looks for payments, subscriptions and refunds that are due.
const BILLING_MS: u64 = 1_000;
/// Milliseconds between two looks whether a reconciliation is due.
const RECONCILING_MS: u64 = 60_000;
/// Milliseconds between two looks whether days are to be closed.
const CLOSING_MS: u64 = 60_000;
/// Milliseconds between two looks for webhooks that are due.
const DELIVERING_MS: u64 = 500;
/// Milliseconds between two looks for events that are old.
const FORGETTING_MS: u64 = 3_600_000;

/// Says that this process is alive, minds its own holds, and notes when keys were used, until `stop`. Every process that generates runs this.
pub async fn beat(app: App, stop: CancellationToken) {
    tokio::join!(
        rounds("heartbeats", HEARTBEAT_MS, &stop, || app.heartbeat()),
        rounds("this process's own holds", HEARTBEAT_MS, &stop, || app.release_own_lost_holds()),
        rounds("noting when keys were used", HEARTBEAT_MS, &stop, || app.note_key_uses()),
    );
}

/// Does what is due, round after round, until `stop`. A round under way is finished, not cut; work at jobs goes on until
/// [`App::shut_down`].
pub async fn work(app: App, stop: CancellationToken) {
    tokio::join!(
        rounds("recovery", RECOVERY_MS, &stop, || app.recover()),
        rounds("erasures", ERASING_MS, &stop, || finish_erasures(&app, &stop)),
        rounds("polling", POLLING_MS, &stop, || app.poll_jobs()),
        rounds("billing", BILLING_MS, &stop, || app.bill()),
        rounds("reconciliation", RECONCILING_MS, &stop, || app.reconcile_daily()),
        rounds("closing days of use", CLOSING_MS, &stop, || app.close_days()),
        rounds("webhooks", DELIVERING_MS, &stop, || app.deliver_webhooks()),
        rounds("forgetting events", FORGETTING_MS, &stop, || app.forget_events()),
    );
}

/// Asks payment services and vendors to stop what erased accounts had. It may take minutes, and what is cut short another round
/// takes up.
async fn finish_erasures(app: &App, stop: &CancellationToken) -> Result<(), app::Error> {
    tokio::select! {
        () = stop.cancelled() => Ok(()),
        round = app.finish_erasures() => round.map(drop),
    }
}

/// Does `work` again and again, and says when a round of it fails.
async fn rounds<T, F: Future<Output = Result<T, app::Error>>>(
    what: &'static str,
    period_ms: u64,
    stop: &CancellationToken,
    work: impl Fn() -> F,
) {
    let mut rounds = every(period_ms);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = work().await {
            tracing::warn!(what, %error, "a round failed");
        }
    }
}

fn every(period_ms: u64) -> Interval {
    let mut rounds = interval(Duration::from_millis(period_ms));
    // After a stall one round is enough.
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    rounds
}

/// Waits for the next round; `false` when there is none any more.
async fn is_next(rounds: &mut Interval, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        _ = rounds.tick() => true,
    }
}
