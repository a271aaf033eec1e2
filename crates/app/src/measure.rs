//! What is counted, for whoever watches the service. Names are Prometheus': a unit at the end, `_total` where it only grows.

use crate::{App, Error};
use metrics::{counter, describe_counter, describe_gauge};

const GENERATIONS: &str = "neuralbox_generations_total";
const TOKENS_CHARGED: &str = "neuralbox_tokens_charged_total";
const LATE_SETTLES: &str = "neuralbox_late_settles_total";
const VENDOR_ERRORS: &str = "neuralbox_vendor_errors_total";
const IN_FLIGHT: &str = "neuralbox_generations_in_flight";
const OPEN_HOLDS: &str = "neuralbox_holds_open";
const WORKER_LAG: &str = "neuralbox_worker_lag_seconds";
const POOL_SIZE: &str = "neuralbox_database_connections";
const POOL_IDLE: &str = "neuralbox_database_connections_idle";

/// Says what each number means.
pub fn describe_metrics() {
    describe_counter!(
        GENERATIONS,
        "Generations that ended, by model and outcome (completed, or the code of the error)."
    );
    describe_counter!(TOKENS_CHARGED, "NeuralBox tokens charged, by model.");
    describe_counter!(
        LATE_SETTLES,
        "Results that came after their hold had been given back: not charged, not given."
    );
    describe_counter!(VENDOR_ERRORS, "Calls to vendors that came to nothing, by vendor and kind.");
    describe_gauge!(IN_FLIGHT, "Generations that this process works on.");
    describe_gauge!(OPEN_HOLDS, "Holds that are open in the whole installation.");
    describe_gauge!(WORKER_LAG, "Seconds for which the oldest row of each kind of work has been due.");
    describe_gauge!(POOL_SIZE, "Open connections to the database, by pool.");
    describe_gauge!(POOL_IDLE, "Those of them that nobody uses.");
}

/// A number that says how something stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// Its name.
    pub name: &'static str,
    /// Of what it is, by names and values.
    pub labels: Vec<(&'static str, &'static str)>,
    /// The number.
    pub value: i64,
}

impl Gauge {
    const fn new(name: &'static str, labels: Vec<(&'static str, &'static str)>, value: i64) -> Self {
        Self { name, labels, value }
    }
}

impl App {
    /// How things stand now.
    ///
    /// # Errors
    /// The database's.
    pub async fn gauges(&self) -> Result<Vec<Gauge>, Error> {
        let stored = self.storage().gauges(self.clock().now()).await?;
        let in_flight = i64::try_from(self.inner.in_flight.all().len()).unwrap_or(i64::MAX);
        let mut gauges = vec![
            Gauge::new(IN_FLIGHT, Vec::new(), in_flight),
            Gauge::new(OPEN_HOLDS, Vec::new(), stored.open_holds),
        ];
        let lag = |(work, lag_ms)| Gauge::new(WORKER_LAG, vec![("work", work)], lag_ms / 1_000);
        gauges.extend(stored.lags_ms.map(lag));
        for (pool, connections) in stored.pools {
            let labels = vec![("pool", pool)];
            gauges.push(Gauge::new(POOL_SIZE, labels.clone(), connections.size));
            gauges.push(Gauge::new(POOL_IDLE, labels, connections.idle));
        }
        Ok(gauges)
    }
}

/// Counts a generation that has ended, and what was charged for it.
pub(crate) fn count_generation(model_slug: &str, outcome: &str, tokens: i64) {
    let model = model_slug.to_owned();
    if let Some(tokens) = u64::try_from(tokens).ok().filter(|tokens| *tokens > 0) {
        counter!(TOKENS_CHARGED, "model" => model.clone()).increment(tokens);
    }
    counter!(GENERATIONS, "model" => model, "outcome" => outcome.to_owned()).increment(1);
}

/// Counts a result that came too late.
pub(crate) fn count_late_settle() {
    counter!(LATE_SETTLES).increment(1);
}

/// Counts a call to a vendor that came to nothing.
pub(crate) fn count_vendor_error(vendor: &str, kind: &'static str) {
    counter!(VENDOR_ERRORS, "vendor" => vendor.to_owned(), "kind" => kind).increment(1);
}
