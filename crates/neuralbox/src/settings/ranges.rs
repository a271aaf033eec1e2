//! The numbers that settings may be.

use super::{Settings, SettingsError};
use std::ops::RangeInclusive;

const HOUR_MS: i64 = 3_600_000;
pub(super) const KIB: i64 = 1_024;
pub(super) const MIB: i64 = 1_024 * KIB;
const GIB: i64 = 1_024 * MIB;
/// A time that a generation may take.
pub(super) const GENERATION_MS: RangeInclusive<i64> = 1_000..=HOUR_MS;

/// Holds every number against its range.
///
/// # Errors
/// Names the first setting that is out of its range.
pub(super) fn check(settings: &Settings) -> Result<(), SettingsError> {
    let rows = [client(settings), waiting(settings), generation(settings)].concat();
    rows.into_iter().try_for_each(|(setting, value, range)| within(setting, value, &range))
}

/// # Errors
/// Names `setting` when `value` is out of `range`.
pub(super) fn within(
    setting: impl Into<String>,
    value: i64,
    range: &RangeInclusive<i64>,
) -> Result<(), SettingsError> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(SettingsError::bad(setting, format!("must lie in {}..{}", range.start(), range.end())))
}

type Row = (&'static str, i64, RangeInclusive<i64>);

fn client(settings: &Settings) -> Vec<Row> {
    let client = &settings.client;
    vec![
        ("client.connect_timeout_ms", whole(client.connect_timeout_ms), 1..=HOUR_MS),
        ("client.idle_timeout_ms", whole(client.idle_timeout_ms), 1..=HOUR_MS),
        ("client.poll_timeout_ms", client.poll_timeout_ms, 1_000..=600_000),
        ("client.max_response_bytes", whole(client.max_response_bytes), KIB..=256 * MIB),
        ("client.max_result_bytes", whole(client.max_result_bytes), KIB..=4 * GIB),
        ("client.max_attempts", whole(client.max_attempts), 0..=100),
        ("client.first_backoff_ms", whole(client.first_backoff_ms), 0..=HOUR_MS),
        ("client.max_backoff_ms", whole(client.max_backoff_ms), 0..=HOUR_MS),
        ("client.max_retry_after_ms", whole(client.max_retry_after_ms), 0..=HOUR_MS),
        ("client.max_queue_ms", whole(client.max_queue_ms), 0..=HOUR_MS),
        ("client.breaker_open_ms", whole(client.breaker_open_ms), 0..=HOUR_MS),
    ]
}

fn waiting(settings: &Settings) -> Vec<Row> {
    let (database, fetch) = (&settings.database, &settings.fetch);
    vec![
        ("database.max_connections", whole(database.max_connections), 1..=10_000),
        ("database.acquire_timeout_ms", whole(database.acquire_timeout_ms), 1..=HOUR_MS),
        ("database.statement_timeout_ms", whole(database.statement_timeout_ms), 1..=HOUR_MS),
        ("fetch.connect_timeout_ms", whole(fetch.connect_timeout_ms), 1..=HOUR_MS),
        ("fetch.total_timeout_ms", whole(fetch.total_timeout_ms), 1..=HOUR_MS),
        ("fetch.idle_timeout_ms", whole(fetch.idle_timeout_ms), 1..=HOUR_MS),
        ("fetch.max_redirects", whole(fetch.max_redirects), 0..=20),
        ("server.shutdown_grace_ms", whole(settings.server.shutdown_grace_ms), 0..=HOUR_MS),
    ]
}

fn generation(settings: &Settings) -> Vec<Row> {
    let generation = &settings.generation;
    let times = generation.answer_timeout_ms;
    vec![
        ("generation.answer_timeout_ms.text", times.text, GENERATION_MS),
        ("generation.answer_timeout_ms.image", times.image, GENERATION_MS),
        ("generation.answer_timeout_ms.video", times.video, GENERATION_MS),
        ("generation.answer_timeout_ms.music", times.music, GENERATION_MS),
        ("generation.answer_timeout_ms.tts", times.tts, GENERATION_MS),
        ("generation.answer_timeout_ms.stt", times.stt, GENERATION_MS),
        ("generation.answer_timeout_ms.tool", times.tool, GENERATION_MS),
        ("generation.job_timeout_ms", generation.job_timeout_ms, GENERATION_MS),
        ("generation.jobs_at_once", whole(generation.jobs_at_once), 1..=1_000),
        ("generation.input_timeout_ms", whole(generation.input_timeout_ms), 1_000..=600_000),
        ("generation.inputs_at_once", whole(generation.inputs_at_once), 1..=10_000),
        ("generation.inputs_at_once_per_account", whole(generation.inputs_at_once_per_account), 1..=10_000),
        ("generation.file_wait_ms", generation.file_wait_ms, 1_000..=600_000),
    ]
}

/// What is larger than any range stays so.
pub(super) fn whole(value: impl TryInto<i64>) -> i64 {
    value.try_into().unwrap_or(i64::MAX)
}
