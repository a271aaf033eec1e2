//! Room for what an account does at the same time, here in this process.

use domain::id::AccountId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// So many places for each account.
pub(crate) struct AccountRoom {
    at_once: usize,
    /// Of accounts that have something in here.
    accounts: Mutex<HashMap<AccountId, Weak<Semaphore>>>,
}

/// A place, until it is dropped.
pub(crate) type Place = OwnedSemaphorePermit;

impl AccountRoom {
    pub(crate) fn new(at_once: usize) -> Self {
        Self { at_once: at_once.min(Semaphore::MAX_PERMITS), accounts: Mutex::default() }
    }

    /// A place, if there is one: nobody waits.
    pub(crate) fn enter(&self, account_id: AccountId) -> Option<Place> {
        self.of(account_id).try_acquire_owned().ok()
    }

    fn of(&self, account_id: AccountId) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = accounts.get(&account_id).and_then(Weak::upgrade) {
            return own;
        }
        accounts.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.at_once));
        accounts.insert(account_id, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_each() {
        let room = AccountRoom::new(2);
        let (ann, bob) = (AccountId(1), AccountId(2));
        let first = room.enter(ann).unwrap();
        let _second = room.enter(ann).unwrap();
        assert!(room.enter(ann).is_none(), "she has her two");
        let other = room.enter(bob).unwrap();
        drop(first);
        assert!(room.enter(ann).is_some());
        drop(other);
        // Whoever has nothing in here is forgotten with the next who comes.
        assert!(room.enter(AccountId(3)).is_some());
        assert_eq!(room.accounts.lock().unwrap().len(), 2);
    }
}
