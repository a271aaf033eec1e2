//! What is counted of requests, and how everything that is counted is shown (Prometheus' text format, 0.0.4). Other crates count
//! by the same facade.

use app::Gauge;
use axum::{
    extract::{MatchedPath, Request},
    response::Response,
};
use metrics::{counter, describe_counter, describe_histogram, gauge, histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{
    sync::{
        LazyLock, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

const REQUESTS: &str = "neuralbox_http_requests_total";
const LATENCY: &str = "neuralbox_http_request_duration_seconds";
/// Bounds of the buckets of [`LATENCY`], in seconds: from an answer out of memory to one that waits for a vendor.
const BOUNDS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 180.0];

/// The recorder of this process; whatever is counted before it is there is lost.
static RECORDER: LazyLock<Option<PrometheusHandle>> = LazyLock::new(|| {
    let latency = Matcher::Full(LATENCY.to_owned());
    let builder = PrometheusBuilder::new().set_buckets_for_metric(latency, &BOUNDS_S).ok()?;
    let handle = builder.install_recorder().ok()?;
    describe();
    Some(handle)
});

/// Requests after which their times are sorted into buckets. The library keeps each of them until then, and by itself does it only
/// for who asks for the metrics, which may be nobody.
const UNSORTED: u64 = 1_024;
static COUNTED: AtomicU64 = AtomicU64::new(0);

/// Several services in one process, as in tests, each show how they stand themselves.
static RENDERING: Mutex<()> = Mutex::new(());

fn describe() {
    describe_counter!(REQUESTS, "Requests answered, by method, route and status.");
    describe_histogram!(LATENCY, "Seconds until the head of the answer, by route.");
    app::describe_metrics();
}

/// Begins to count.
pub(crate) fn start() {
    LazyLock::force(&RECORDER);
}

/// Everything that has been counted, and how things stand now.
pub(crate) fn render(now: &[Gauge]) -> Option<String> {
    let recorder = RECORDER.as_ref()?;
    let _one_at_a_time = RENDERING.lock().unwrap_or_else(PoisonError::into_inner);
    for Gauge { name, labels, value } in now {
        gauge!(*name, labels).set(*value as f64);
    }
    recorder.run_upkeep();
    Some(recorder.render())
}

/// Counts a request. Paths that no route has are counted together: there is no end of them.
pub(crate) async fn counted<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let started_at = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "none".to_owned());
    let method = method(&request);
    let response = answer(request).await;
    let status = response.status().as_u16().to_string();
    counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status).increment(1);
    histogram!(LATENCY, "route" => route).record(started_at.elapsed());
    if COUNTED.fetch_add(1, Ordering::Relaxed) % UNSORTED == UNSORTED - 1
        && let Some(recorder) = RECORDER.as_ref()
    {
        recorder.run_upkeep();
    }
    response
}

/// A client may make up methods; they are counted together.
fn method(request: &Request) -> &'static str {
    match request.method().as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}
