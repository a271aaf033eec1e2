//! How many messages go to one host, or out for one account, at the same time: none must take up all the room there is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Clone)]
pub(crate) struct Places<K> {
    most: usize,
    busy: Arc<Mutex<BTreeMap<K, usize>>>,
}

/// A place; given back when it is dropped.
pub(super) struct Place<K: Ord> {
    places: Places<K>,
    key: K,
}

impl<K: Ord + Clone> Places<K> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, busy: Arc::default() }
    }

    /// A place under `key`, while there is one.
    pub(super) fn enter(&self, key: &K) -> Option<Place<K>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let count = busy.entry(key.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { places: self.clone(), key: key.clone() })
    }

    /// Whether no place is left under `key`.
    pub(super) fn is_full(&self, key: &K) -> bool {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.get(key).is_some_and(|count| *count >= self.most)
    }
}

impl<K: Ord> Drop for Place<K> {
    fn drop(&mut self) {
        let mut busy = self.places.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_so_many_places_under_a_key() {
        let hosts = Places::new(2);
        let places = [hosts.enter(&"a"), hosts.enter(&"a")];
        assert!(places.iter().all(Option::is_some));
        assert!(hosts.enter(&"a").is_none() && hosts.enter(&"b").is_some());
        assert!(hosts.is_full(&"a") && !hosts.is_full(&"b"));
        drop(places);
        assert!(!hosts.is_full(&"a") && hosts.busy.lock().unwrap().is_empty());
    }
}
