//! Telling dead processes from living ones by watching whether their heartbeat counts move. No two clocks are compared:
//! what counts is how long the watcher itself has seen a count stand still.

use domain::id::NodeId;
use std::collections::HashMap;
use storage::NodeBeat;

/// Milliseconds of silence after which a process is dead.
pub(crate) const DEAD_AFTER_MS: i64 = 30_000;
/// A watcher that did not look for so long (the database was away, or the process stood still) knows nothing.
const BLIND_AFTER_MS: i64 = 15_000;

/// What one watcher has seen.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    looked_at_ms: Option<i64>,
    /// Each node's count, and when this watcher first saw it.
    seen: HashMap<NodeId, (i64, i64)>,
}

impl Watch {
    /// Takes in the counts of the nodes that count as alive, and names those that have been silent for long enough.
    /// `now_ms` is monotonic.
    pub(crate) fn look(&mut self, now_ms: i64, beats: &[NodeBeat]) -> Vec<NodeBeat> {
        if self.looked_at_ms.is_none_or(|before_ms| now_ms.saturating_sub(before_ms) > BLIND_AFTER_MS) {
            self.seen.clear();
        }
        self.looked_at_ms = Some(now_ms);
        self.seen = beats
            .iter()
            .map(|beat| {
                let before = self.seen.get(&beat.id).filter(|(count, _)| *count == beat.beat);
                (beat.id, before.copied().unwrap_or((beat.beat, now_ms)))
            })
            .collect();
        let silent_ms = |beat: &&NodeBeat| {
            self.seen.get(&beat.id).map_or(0, |(_, since_ms)| now_ms.saturating_sub(*since_ms))
        };
        beats.iter().filter(|beat| silent_ms(beat) >= DEAD_AFTER_MS).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at one node at each `(second, count)`, and compares the seconds at which it was found dead.
    fn check(looks: &[(i64, i64)], dead_at_s: &[i64]) {
        let mut watch = Watch::default();
        let id = NodeId(7);
        let found: Vec<i64> = looks
            .iter()
            .filter(|(second, beat)| !watch.look(second * 1_000, &[NodeBeat { id, beat: *beat }]).is_empty())
            .map(|(second, _)| *second)
            .collect();
        assert_eq!(found, dead_at_s, "{looks:?}");
    }

    #[test]
    fn silence_is_measured_by_the_watcher_alone() {
        check(&[(0, 5), (10, 5), (20, 5), (29, 5)], &[]);
        check(&[(0, 5), (10, 5), (20, 5), (30, 5)], &[30]);
        check(&[(0, 5), (10, 6), (20, 7), (30, 8), (40, 9)], &[]);
        check(&[(0, 5), (10, 5), (20, 6), (30, 6), (40, 6), (50, 6)], &[50]);
    }

    #[test]
    fn a_watcher_that_was_blind_starts_anew() {
        check(&[(0, 5), (10, 5), (40, 5), (50, 5), (60, 5)], &[]);
        check(&[(0, 5), (10, 5), (40, 5), (50, 5), (60, 5), (70, 5)], &[70]);
    }
}
