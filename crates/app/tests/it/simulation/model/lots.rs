//! Permanent tokens by where they came from: what came first is spent first.

/// Tokens that came together.
#[derive(Clone, Debug)]
struct Lot {
    source: i64,
    free: i64,
    spent: i64,
}

/// An account's, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Lots(Vec<Lot>);

impl Lots {
    pub fn total(&self) -> i64 {
        self.0.iter().map(|lot| lot.free).sum()
    }

    pub fn add(&mut self, source: i64, amount: i64) {
        self.0.push(Lot { source, free: amount, spent: 0 });
    }

    /// By a generation.
    pub fn spend(&mut self, amount: i64) {
        let mut due = amount;
        for lot in &mut self.0 {
            let some = due.min(lot.free);
            lot.free -= some;
            lot.spent += some;
            due -= some;
        }
    }

    /// A charge comes back: what was spent last comes first.
    pub fn unspend(&mut self, amount: i64) {
        let mut due = amount;
        for lot in self.0.iter_mut().rev() {
            let some = due.min(lot.spent);
            lot.free += some;
            lot.spent -= some;
            due -= some;
        }
    }

    /// For good, from the lot of that source where there is one.
    pub fn take(&mut self, source: i64, amount: i64) {
        if let Some(lot) = self.0.iter_mut().find(|lot| lot.source == source) {
            lot.free -= amount;
            return;
        }
        let mut due = amount;
        for lot in &mut self.0 {
            let some = due.min(lot.free);
            lot.free -= some;
            due -= some;
        }
    }

    /// Back to the lot of that source.
    pub fn give_back(&mut self, source: i64, amount: i64) {
        if let Some(lot) = self.0.iter_mut().find(|lot| lot.source == source) {
            lot.free += amount;
        }
    }

    /// What of a source is neither spent nor held.
    pub fn free_of(&self, source: i64, held: i64) -> i64 {
        let mut due = held;
        for lot in &self.0 {
            let free = lot.free - due.min(lot.free);
            due -= due.min(lot.free);
            if lot.source == source {
                return free;
            }
        }
        0
    }
}
