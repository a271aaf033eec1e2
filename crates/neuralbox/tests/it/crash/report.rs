//! What a run came to.

use super::{
    client::Diary,
    plan::Plan,
    record::{Record, Told},
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Counts of a run.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Who was killed how often.
    pub(super) kills: BTreeMap<String, u64>,
    /// How often the ledger was verified between kills.
    pub(super) verified: u64,
    /// Requests that were repeated at the end.
    pub(super) repeated: u64,
    /// Generations in the histories, and NeuralBox tokens charged for them.
    pub(super) generations: usize,
    pub(super) charged_tokens: i64,
    /// How long clients and generations took to come to their ends once nothing failed any more.
    pub(super) calm: Duration,
}

/// The verdict, for people and programs.
pub(super) fn report(plan: &Plan, counts: &Counts, diaries: &[(usize, Diary)], problems: &[String]) -> Value {
    let records = || diaries.iter().flat_map(|(_, diary)| &diary.records);
    let told = |is: fn(&Record) -> bool| records().filter(|record| is(record)).count();
    json!({
        "ok": problems.is_empty(),
        "database": plan.database(),
        "seed": plan.seed,
        "kills": counts.kills,
        "orders": records().count(),
        "told": {
            "completed": told(|record| matches!(record.told, Told::Completed { .. })),
            "failed": told(|record| matches!(record.told, Told::Failed { .. })),
            "refused": told(|record| matches!(record.told, Told::Refused { .. })),
            "nothing": told(|record| record.told == Told::Nothing),
        },
        "unknown_for_a_while": told(|record| record.was_unknown),
        "sent_again": told(|record| record.attempts > 1),
        "repeated_at_the_end": counts.repeated,
        "packages": diaries.iter().map(|(_, diary)| diary.purchases.len()).sum::<usize>(),
        "generations": counts.generations,
        "charged_tokens": counts.charged_tokens,
        "verified_under_way": counts.verified,
        "calm_s": counts.calm.as_secs(),
        "disagreements": problems,
    })
}
