//! What runs when. The rules are in `app`; any number of processes may run this on one database.

use app::{App, HEARTBEAT_MS};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Milliseconds between two rounds of recovery.
const RECOVERY_MS: u64 = 5_000;
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
    tokio::join!(heartbeat(&app, &stop), mind_own_holds(&app, &stop), note_key_uses(&app, &stop));
}

async fn heartbeat(app: &App, stop: &CancellationToken) {
    let mut rounds = every(HEARTBEAT_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.heartbeat().await {
            tracing::warn!(%error, "heartbeat");
        }
    }
}

async fn mind_own_holds(app: &App, stop: &CancellationToken) {
    let mut rounds = every(HEARTBEAT_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.release_own_lost_holds().await {
            tracing::warn!(%error, "a round over this process's own holds");
        }
    }
}

async fn note_key_uses(app: &App, stop: &CancellationToken) {
    let mut rounds = every(HEARTBEAT_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.note_key_uses().await {
            tracing::warn!(%error, "a round of noting when keys were used");
        }
    }
}

/// Does what is due, round after round, until `stop`. A round under way is finished, not cut; work at jobs goes on until
/// [`App::shut_down`].
pub async fn work(app: App, stop: CancellationToken) {
    tokio::join!(
        recover(&app, &stop),
        poll(&app, &stop),
        bill(&app, &stop),
        reconcile(&app, &stop),
        close_days(&app, &stop),
        deliver(&app, &stop),
        forget_events(&app, &stop),
    );
}

async fn recover(app: &App, stop: &CancellationToken) {
    let mut rounds = every(RECOVERY_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.recover().await {
            tracing::warn!(%error, "a round of recovery");
        }
    }
}

async fn poll(app: &App, stop: &CancellationToken) {
    let mut rounds = every(POLLING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.poll_jobs().await {
            tracing::warn!(%error, "a round of polling");
        }
    }
}

/// Compares a day's money with the payment services' books, once a day whatever the number of workers.
async fn reconcile(app: &App, stop: &CancellationToken) {
    let mut rounds = every(RECONCILING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.reconcile_daily().await {
            tracing::warn!(%error, "a reconciliation");
        }
    }
}

/// Closes days of use, once an hour whatever the number of workers.
async fn close_days(app: &App, stop: &CancellationToken) {
    let mut rounds = every(CLOSING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.close_days().await {
            tracing::warn!(%error, "closing days of use");
        }
    }
}

async fn deliver(app: &App, stop: &CancellationToken) {
    let mut rounds = every(DELIVERING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.deliver_webhooks().await {
            tracing::warn!(%error, "a round of webhooks");
        }
    }
}

async fn forget_events(app: &App, stop: &CancellationToken) {
    let mut rounds = every(FORGETTING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.forget_events().await {
            tracing::warn!(%error, "a round of forgetting events");
        }
    }
}

async fn bill(app: &App, stop: &CancellationToken) {
    let mut rounds = every(BILLING_MS);
    while is_next(&mut rounds, stop).await {
        if let Err(error) = app.bill().await {
            tracing::warn!(%error, "a round of billing");
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
