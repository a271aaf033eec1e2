//! Which grant a permanent token came from. Wallets do not say; entries do, read again: what was given first is spent first.

use super::{Entry, Leg, Reason};
use std::collections::BTreeMap;

/// Permanent tokens that came together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lot {
    /// Why they came.
    pub reason: Reason,
    /// From what: a grant, or a payment.
    pub source_id: i64,
    /// NeuralBox tokens that came.
    pub amount_tokens: i64,
    /// NeuralBox tokens that are neither spent nor held.
    pub free_tokens: i64,
}

/// A lot's free tokens before and after a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LotChange {
    /// Its place among the account's lots.
    pub place: usize,
    /// NeuralBox tokens that were free.
    pub before: i64,
    /// NeuralBox tokens that are free now.
    pub after: i64,
}

/// An account's lots, oldest first, as its entries are read again.
#[derive(Clone, Debug)]
pub struct Lots {
    lots: Vec<Lot>,
    /// NeuralBox tokens of each that generations have used.
    spent_tokens: Vec<i64>,
    /// Before this place nothing is free.
    oldest: usize,
    refunded: BTreeMap<i64, i64>,
}

impl Lots {
    /// All lots of `entries`, in the order in which they came; nothing is taken from them yet. `refunded` says of each refund
    /// which payment's tokens it took.
    pub fn new<'a>(entries: impl IntoIterator<Item = &'a Entry>, refunded: BTreeMap<i64, i64>) -> Self {
        let is_lot = |entry: &&Entry| (entry.debit, entry.credit) == (Leg::Issued, Leg::Permanent);
        let mut came: Vec<&Entry> = entries.into_iter().filter(is_lot).collect();
        came.sort_by_key(|entry| (entry.created_at, entry.source_id));
        let lots = came.into_iter().map(|entry| Lot {
            reason: entry.reason,
            source_id: entry.source_id,
            amount_tokens: entry.amount_tokens,
            free_tokens: entry.amount_tokens,
        });
        let lots: Vec<Lot> = lots.collect();
        Self { spent_tokens: vec![0; lots.len()], lots, oldest: 0, refunded }
    }

    /// The lots as they are.
    pub fn all(&self) -> &[Lot] {
        &self.lots
    }

    /// Takes in what became of tokens that had come; entries go by their time. The clocks of two processes differ, and what
    /// went may seem to have gone before other tokens came back: then a lot that is named has less than nothing for a while,
    /// and the second value is what could not be taken from any.
    pub fn enter(&mut self, entry: &Entry) -> (Vec<LotChange>, i64) {
        let amount = entry.amount_tokens;
        match (entry.debit, entry.credit) {
            (Leg::Adjusted, Leg::Permanent) => {
                let change = self.place_of(entry).and_then(|place| self.move_free(place, amount));
                (change.into_iter().collect(), 0)
            }
            (Leg::Permanent, Leg::Spent) => self.spend_oldest(amount),
            (Leg::Spent, Leg::Permanent) => (self.unspend_newest(amount), 0),
            (Leg::Permanent, _) => {
                let own = self.place_of(entry);
                match own.and_then(|place| self.move_free(place, amount.saturating_neg())) {
                    Some(change) => (vec![change], 0),
                    None => self.take_oldest(amount),
                }
            }
            _ => (Vec::new(), 0),
        }
    }

    /// Leaves no lot with less than nothing, and says how much others must make up for.
    fn settle(&mut self) -> i64 {
        let short = self.lots.iter_mut().filter(|lot| lot.free_tokens < 0);
        let missing = short.map(|lot| std::mem::take(&mut lot.free_tokens));
        missing.fold(0, i64::saturating_sub)
    }

    /// Takes up to `amount` from the oldest lots, and says what could not be taken.
    pub fn take_oldest(&mut self, amount: i64) -> (Vec<LotChange>, i64) {
        let (mut changes, mut rest) = (Vec::new(), amount);
        while rest > 0 && self.oldest < self.lots.len() {
            match self.take(self.oldest, rest) {
                Some(change) => {
                    rest = rest.saturating_sub(change.taken());
                    changes.push(change);
                }
                None => self.oldest = self.oldest.saturating_add(1),
            }
        }
        (changes, rest)
    }

    fn spend_oldest(&mut self, amount: i64) -> (Vec<LotChange>, i64) {
        let (changes, rest) = self.take_oldest(amount);
        for change in &changes {
            if let Some(spent) = self.spent_tokens.get_mut(change.place) {
                *spent = spent.saturating_add(change.taken());
            }
        }
        (changes, rest)
    }

    /// Gives a charge back: what was spent last comes back first. What no lot is known to have spent yet, by the clocks of
    /// two processes, goes to the oldest, from which it will be taken.
    fn unspend_newest(&mut self, amount: i64) -> Vec<LotChange> {
        let (mut changes, mut rest) = (Vec::new(), amount);
        for place in (0..self.lots.len()).rev() {
            let Some(spent) = self.spent_tokens.get_mut(place) else { continue };
            let returned = rest.min(*spent);
            if returned > 0 {
                *spent = spent.saturating_sub(returned);
                rest = rest.saturating_sub(returned);
                changes.extend(self.move_free(place, returned));
            }
        }
        if rest > 0 {
            changes.extend(self.move_free(0, rest));
        }
        changes
    }

    /// The lot that an entry names: a payment's by its refund, or its own source's.
    fn place_of(&self, entry: &Entry) -> Option<usize> {
        let source_id = self.refunded.get(&entry.source_id).copied().unwrap_or(entry.source_id);
        self.lots.iter().position(|lot| lot.source_id == source_id)
    }

    /// Takes up to `amount` from a lot; `None` when there is nothing.
    fn take(&mut self, place: usize, amount: i64) -> Option<LotChange> {
        let taken = self.lots.get(place)?.free_tokens.min(amount);
        if taken > 0 { self.move_free(place, taken.saturating_neg()) } else { None }
    }

    fn move_free(&mut self, place: usize, by: i64) -> Option<LotChange> {
        let lot = self.lots.get_mut(place)?;
        let before = lot.free_tokens;
        lot.free_tokens = before.saturating_add(by);
        self.oldest = self.oldest.min(place);
        Some(LotChange { place, before, after: lot.free_tokens })
    }
}

impl LotChange {
    const fn taken(self) -> i64 {
        self.before.saturating_sub(self.after)
    }
}

/// An account's lots, oldest first, when `held_tokens` of its permanent tokens are in open holds. `entries` are all that
/// moved its permanent tokens, in any order; `refunded` says of each refund which payment's tokens it took.
pub fn permanent_lots(entries: &[Entry], held_tokens: i64, refunded: &BTreeMap<i64, i64>) -> Vec<Lot> {
    let mut lots = Lots::new(entries, refunded.clone());
    let mut ordered: Vec<&Entry> = entries.iter().collect();
    // A charge that comes back may pay a debt at once: tokens come before they go.
    ordered.sort_by_key(|entry| (entry.created_at, entry.source_id, entry.debit == Leg::Permanent));
    let rests = ordered.into_iter().map(|entry| lots.enter(entry).1);
    let due_tokens = rests.fold(held_tokens, i64::saturating_add);
    let missing_tokens = lots.settle();
    lots.take_oldest(due_tokens.saturating_add(missing_tokens));
    lots.lots
}
