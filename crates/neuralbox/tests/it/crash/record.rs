//! What a client was told.

use super::order::Order;

/// How an order ended, as its client knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// It was done, charged so much, and left so much to spend.
    Completed { tokens: i64, balance: i64 },
    /// It failed and cost nothing.
    Failed { code: String },
    /// It was never begun, for this reason.
    Refused { code: String },
    /// The connection broke, and there is no name under which to ask again.
    Nothing,
    /// It had no end when there was no more time for one.
    NoEnd,
}

/// What may have come of requests that bore no name and whose generation the client never heard of, beyond what it was told.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Loose {
    /// Requests that may have become any generation.
    pub(super) unanswered: u64,
    /// Requests that were turned away because the database was in trouble: of a hold nothing may be left but its failure.
    pub(super) turned_away: u64,
}

/// An order and what became of it.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) order: Order,
    /// The price that it was told beforehand.
    pub(super) quoted_tokens: i64,
    /// The generation, once it was named.
    pub(super) id: Option<i64>,
    pub(super) told: Told,
    pub(super) loose: Loose,
    /// Whether it was said that nobody knows what became of it, or the connection broke.
    pub(super) was_unknown: bool,
    /// How often it was sent.
    pub(super) attempts: u64,
    /// What was told that does not agree with what had been told before.
    pub(super) contradictions: Vec<String>,
}

/// A package that a client bought.
#[derive(Clone, Debug)]
pub(super) struct Purchase {
    pub(super) payment_id: i64,
    pub(super) is_paid: bool,
}

impl Record {
    pub(super) fn new(order: Order, quoted_tokens: i64) -> Self {
        Self {
            order,
            quoted_tokens,
            id: None,
            told: Told::NoEnd,
            loose: Loose::default(),
            was_unknown: false,
            attempts: 0,
            contradictions: Vec::new(),
        }
    }

    /// Notes the generation's id, which does not change.
    pub(super) fn name(&mut self, id: i64) {
        let before = *self.id.get_or_insert(id);
        if before != id {
            self.contradictions.push(format!("{} became generation {before}, and then {id}", self.order.tag));
        }
    }

    /// Notes an end, which does not change.
    pub(super) fn end(&mut self, told: Told) {
        if self.told != Told::NoEnd && self.told != told {
            let (tag, before) = (&self.order.tag, &self.told);
            self.contradictions.push(format!("{tag} was told {before:?}, and then {told:?}"));
            return;
        }
        self.told = told;
    }
}
