//! What is entered in the books of a payment service.

use crate::journal::{Change, Past};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::{BTreeMap, BTreeSet};

/// Entries in one roll, at most.
const CAPACITY: usize = 1_000_000;

/// Entries in the order in which they came, found by id. It takes no more when it is full: books that forget prove
/// nothing.
#[derive(Debug)]
pub(crate) struct Roll<T> {
    kind: &'static str,
    entries: Vec<(String, T)>,
    places: BTreeMap<String, usize>,
    /// Places of what may have changed since it was written down.
    touched: BTreeSet<usize>,
}

impl<T: Serialize + DeserializeOwned> Roll<T> {
    /// A roll of the entries of that kind that stand in a journal, and of those to come.
    pub(crate) fn open(kind: &'static str, past: &mut Past) -> Self {
        let mut roll = Self { kind, entries: Vec::new(), places: BTreeMap::new(), touched: BTreeSet::new() };
        for (id, entry) in past.take(kind) {
            roll.push(id, entry);
        }
        roll.touched.clear();
        roll
    }

    /// Notes what has changed since this was last asked.
    pub(crate) fn note(&mut self, change: &mut Change) {
        for place in std::mem::take(&mut self.touched) {
            if let Some((id, entry)) = self.entries.get(place) {
                change.put(self.kind, id, entry);
            }
        }
    }
}

impl<T> Roll<T> {
    /// Whether nothing more can be entered.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= CAPACITY
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Enters `entry`.
    pub(crate) fn push(&mut self, id: String, entry: T) {
        let place = self.entries.len();
        self.touched.insert(place);
        self.places.insert(id.clone(), place);
        self.entries.push((id, entry));
    }

    /// The place of an entry, from 0.
    pub(crate) fn place(&self, id: &str) -> Option<usize> {
        self.places.get(id).copied()
    }

    /// An entry.
    pub(crate) fn get(&self, id: &str) -> Option<&T> {
        self.entries.get(self.place(id)?).map(|(_, entry)| entry)
    }

    /// An entry, to be changed.
    pub(crate) fn get_mut(&mut self, id: &str) -> Option<&mut T> {
        let place = self.place(id)?;
        self.touched.insert(place);
        self.entries.get_mut(place).map(|(_, entry)| entry)
    }

    /// All of them, the oldest first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &T> + ExactSizeIterator {
        self.entries.iter().map(|(_, entry)| entry)
    }
}
