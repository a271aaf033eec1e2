//! What is kept by id, so many of it.

use crate::journal::{Journal, Past};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many things a store keeps.
const CAPACITY: usize = 20_000;

/// Things by id. Ids grow in order, so the first is the oldest, and goes when there are too many.
#[derive(Debug)]
pub(crate) struct Store<T> {
    kind: &'static str,
    things: Mutex<BTreeMap<String, T>>,
    journal: Arc<Journal>,
}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned> Store<T> {
    /// A store of the things of that kind that stand in a journal, and of those to come.
    pub(crate) fn open(kind: &'static str, journal: &Arc<Journal>, past: &mut Past) -> Self {
        let things = Mutex::new(past.take(kind).collect());
        Self { kind, things, journal: Arc::clone(journal) }
    }

    /// Keeps a thing.
    pub(crate) fn insert(&self, id: String, thing: T) {
        let mut things = self.lock();
        self.journal.write(|change| change.put(self.kind, &id, &thing));
        things.insert(id, thing);
        if things.len() > CAPACITY
            && let Some((oldest, _)) = things.pop_first()
        {
            self.journal.write(|change| change.remove(self.kind, &oldest));
        }
    }

    /// A copy of a thing.
    pub(crate) fn get(&self, id: &str) -> Option<T> {
        self.lock().get(id).cloned()
    }

    /// Copies of all things.
    pub(crate) fn all(&self) -> Vec<T> {
        self.lock().values().cloned().collect()
    }

    /// Changes a thing, and gives what the change gives; `None` when there is no such thing.
    pub(crate) fn update<R>(&self, id: &str, with: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut things = self.lock();
        let thing = things.get_mut(id)?;
        let before = self.journal.is_kept().then(|| thing.clone());
        let given = with(thing);
        if before.is_some_and(|before| before != *thing) {
            self.journal.write(|change| change.put(self.kind, id, thing));
        }
        Some(given)
    }

    /// Forgets a thing.
    pub(crate) fn remove(&self, id: &str) -> Option<T> {
        let mut things = self.lock();
        let thing = things.remove(id)?;
        self.journal.write(|change| change.remove(self.kind, id));
        Some(thing)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.things.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
