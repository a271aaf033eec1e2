//! In place of a ledger, in a build that is made to measure what the ledger takes: it answers holds and their ends at once, and
//! nothing is asked, written or charged. Only the feature `bench-no-ledger` brings it in.

use domain::ledger::{Command, EndedHold, Held, Outcome, Resolution, Resolved, Split};

/// The answer to a hold or the end of one. Everything else is carried out.
pub(super) fn answer<Done>(command: &Command<Done>) -> Option<Outcome> {
    match command {
        Command::Hold(request) => Some(Outcome::Held(Held {
            split: Split { plan_tokens: request.price_tokens, permanent_tokens: 0 },
            balance_tokens: 0,
            rate: Default::default(),
        })),
        Command::Resolve(EndedHold { resolution, .. }) => Some(Outcome::Resolved(Resolved {
            is_completed: matches!(resolution, Resolution::Completed(_)),
            tokens_spent: 0,
            balance_tokens: 0,
            is_first: true,
        })),
        _ => None,
    }
}
