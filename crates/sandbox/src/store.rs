//! What is kept in memory by id, so many of it.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How many things a store keeps.
const CAPACITY: usize = 20_000;

/// Things by id. Ids grow in order, so the first is the oldest, and goes when there are too many.
#[derive(Debug)]
pub(crate) struct Store<T>(Mutex<BTreeMap<String, T>>);

impl<T> Default for Store<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Clone> Store<T> {
    /// Keeps a thing.
    pub(crate) fn insert(&self, id: String, thing: T) {
        let mut things = self.lock();
        things.insert(id, thing);
        if things.len() > CAPACITY {
            things.pop_first();
        }
    }

    /// A copy of a thing.
    pub(crate) fn get(&self, id: &str) -> Option<T> {
        self.lock().get(id).cloned()
    }

    /// Changes a thing, and gives what the change gives; `None` when there is no such thing.
    pub(crate) fn update<R>(&self, id: &str, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        self.lock().get_mut(id).map(change)
    }

    /// Forgets a thing.
    pub(crate) fn remove(&self, id: &str) -> Option<T> {
        self.lock().remove(id)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
