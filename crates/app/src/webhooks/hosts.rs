//! How many messages go to one host at the same time: a slow one must not take up all the room there is.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

#[derive(Clone)]
pub(crate) struct Hosts {
    most: usize,
    busy: Arc<Mutex<BTreeMap<String, usize>>>,
}

/// A place at a host; given back when it is dropped.
pub(super) struct Place {
    hosts: Hosts,
    host: String,
}

impl Hosts {
    pub(super) fn new(most: usize) -> Self {
        Self { most, busy: Arc::default() }
    }

    /// A place at `host`, while there is one.
    pub(super) fn enter(&self, host: &str) -> Option<Place> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        let count = busy.entry(host.to_owned()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Place { hosts: self.clone(), host: host.to_owned() })
    }

    /// Those that have no place left.
    pub(super) fn full(&self) -> Vec<String> {
        let busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.iter().filter(|(_, count)| **count >= self.most).map(|(host, _)| host.clone()).collect()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut busy = self.hosts.busy.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = busy.get_mut(&self.host) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.host);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_so_many_places() {
        let hosts = Hosts::new(2);
        let places = [hosts.enter("a"), hosts.enter("a")];
        assert!(places.iter().all(Option::is_some));
        assert!(hosts.enter("a").is_none() && hosts.enter("b").is_some());
        assert_eq!(hosts.full(), ["a"]);
        drop(places);
        assert!(hosts.full().is_empty() && hosts.busy.lock().unwrap().is_empty());
    }
}
