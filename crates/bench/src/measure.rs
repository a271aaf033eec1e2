//! One row: tasks that do one thing again and again, for a while.

use crate::{
    Result,
    process::{self, Pid},
    row::Row,
};
use hdrhistogram::Histogram;
use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{task::JoinSet, time::sleep};

/// Caches are filled and connections made; nothing counts yet.
const WARM_UP: Duration = Duration::from_secs(2);
/// Between two looks whether there is enough of it.
const LOOK: Duration = Duration::from_millis(50);

/// When a row has been measured.
#[derive(Clone, Copy)]
pub(crate) enum Until {
    /// After so long.
    Passed(Duration),
    /// After so many.
    Done(u64),
}

/// Whose CPU counts; the load generator is this process, unless this is the one with the ledger.
#[derive(Clone, Copy, Default)]
pub(crate) struct Processes {
    /// The one with the ledger in it.
    pub(crate) gateway: Option<Pid>,
    /// PostgreSQL's first, which has started the others.
    pub(crate) database: Option<Pid>,
    pub(crate) upstream: Option<Pid>,
}

/// What the tasks of a row report to. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Watch(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// 0 while it warms up, or one of the next two.
    phase: AtomicU8,
    tally: Mutex<Option<Tally>>,
}

const COUNTING: u8 = 1;
const OVER: u8 = 2;

struct Tally {
    latency_us: Histogram<u32>,
    errors: u64,
    first_error: Option<String>,
}

impl Watch {
    /// Whether the tasks are to end.
    pub(crate) fn is_over(&self) -> bool {
        self.0.phase.load(Ordering::Relaxed) == OVER
    }

    /// Counts what was begun at `started` and has ended just now.
    pub(crate) fn count<E: ToString>(&self, started: Instant, result: std::result::Result<(), E>) {
        self.count_time(started.elapsed(), result);
    }

    /// Counts something that took so long.
    pub(crate) fn count_time<E: ToString>(&self, took: Duration, result: std::result::Result<(), E>) {
        if self.0.phase.load(Ordering::Relaxed) != COUNTING {
            return;
        }
        let Some(tally) = &mut *self.tally() else { return };
        if let Err(error) = result {
            tally.errors += 1;
            tally.first_error.get_or_insert_with(|| error.to_string());
        }
        tally.latency_us.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    fn begin(&self) -> Result<()> {
        // From a microsecond to a minute, to a hundredth.
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3)?;
        *self.tally() = Some(Tally { latency_us, errors: 0, first_error: None });
        self.0.phase.store(COUNTING, Ordering::Relaxed);
        Ok(())
    }

    fn counted(&self) -> u64 {
        self.tally().as_ref().map_or(0, |tally| tally.latency_us.len())
    }

    fn end(&self) {
        self.0.phase.store(OVER, Ordering::Relaxed);
    }

    fn tally(&self) -> MutexGuard<'_, Option<Tally>> {
        self.0.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Measures what `spawn` starts, which ends when its watch says so.
pub(crate) async fn measure(
    name: &str,
    processes: Processes,
    until: Until,
    spawn: impl FnOnce(&Watch) -> JoinSet<()>,
) -> Result<Row> {
    eprintln!("{name}");
    let watch = Watch::default();
    let tasks = spawn(&watch);
    sleep(WARM_UP).await;
    if let Some(gateway) = processes.gateway {
        process::forget_peak(gateway)?;
    }
    let before = Used::read(processes)?;
    let started = Instant::now();
    watch.begin()?;
    match until {
        Until::Passed(time) => sleep(time).await,
        Until::Done(times) => {
            while watch.counted() < times {
                sleep(LOOK).await;
            }
        }
    }
    watch.end();
    let took = started.elapsed();
    let used = Used::read(processes)?;
    let peak_mib = processes.gateway.map(process::peak_mib).transpose()?;
    tasks.join_all().await;
    let tally = watch.tally().take().ok_or("nothing was counted")?;
    if let Some(error) = &tally.first_error {
        eprintln!("  {} errors, the first: {error}", tally.errors);
    }
    let Some(count) = u32::try_from(tally.latency_us.len()).ok().filter(|count| *count > 0) else {
        return Err(format!("{name}: nothing came to an end").into());
    };
    let each = |after: Option<Duration>, before: Option<Duration>| {
        Some(process::ms(after?.saturating_sub(before?)) / f64::from(count))
    };
    let at = |quantile: f64| {
        Some(process::ms(Duration::from_micros(tally.latency_us.value_at_quantile(quantile))))
    };
    Ok(Row {
        name: name.to_owned(),
        rps: Some(f64::from(count) / took.as_secs_f64()),
        p50_ms: at(0.5),
        p99_ms: at(0.99),
        gateway_cpu_ms: each(used.gateway, before.gateway),
        database_cpu_ms: each(used.database, before.database),
        upstream_cpu_ms: each(used.upstream, before.upstream),
        load_cpu_ms: each(used.load, before.load),
        peak_mib,
        errors: tally.errors,
    }
    .rounded())
}

/// CPU time up to now.
struct Used {
    gateway: Option<Duration>,
    database: Option<Duration>,
    upstream: Option<Duration>,
    load: Option<Duration>,
}

impl Used {
    fn read(processes: Processes) -> Result<Self> {
        let load = Some(process::own()).filter(|own| processes.gateway != Some(*own));
        Ok(Self {
            gateway: processes.gateway.map(process::cpu).transpose()?,
            database: processes.database.map(process::cpu_of_family).transpose()?,
            upstream: processes.upstream.map(process::cpu).transpose()?,
            load: load.map(process::cpu).transpose()?,
        })
    }
}
