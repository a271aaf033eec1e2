//! Room for fetching what clients name by address: so many files at once, and so many for one account.

use crate::Error;
use domain::id::AccountId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for requests whose files are being fetched.
pub(crate) struct InputRoom {
    all: Arc<Semaphore>,
    at_once_per_account: usize,
    /// Of accounts that have a request in here.
    accounts: Mutex<HashMap<AccountId, Weak<Semaphore>>>,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _own: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

impl InputRoom {
    pub(crate) fn new(at_once: usize, at_once_per_account: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            at_once_per_account: at_once_per_account.min(Semaphore::MAX_PERMITS),
            accounts: Mutex::default(),
        }
    }

    /// A place for a request of `account_id`. Nobody waits for one: whoever fetches slowly would keep the others waiting.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when there is none.
    pub(super) fn enter(&self, account_id: AccountId) -> Result<Place, Error> {
        let full = |_| Error::Overloaded;
        Ok(Place {
            _own: self.account(account_id).try_acquire_owned().map_err(full)?,
            _of_all: self.all.clone().try_acquire_owned().map_err(full)?,
        })
    }

    fn account(&self, account_id: AccountId) -> Arc<Semaphore> {
        let mut accounts = self.accounts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = accounts.get(&account_id).and_then(Weak::upgrade) {
            return own;
        }
        accounts.retain(|_, own| own.strong_count() > 0);
        let own = Arc::new(Semaphore::new(self.at_once_per_account));
        accounts.insert(account_id, Arc::downgrade(&own));
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_each_and_for_all() {
        let room = InputRoom::new(3, 2);
        let (ann, bob) = (AccountId(1), AccountId(2));
        let first = room.enter(ann).unwrap();
        let _second = room.enter(ann).unwrap();
        assert!(room.enter(ann).is_err(), "she has her two");
        let _third = room.enter(bob).unwrap();
        assert!(room.enter(bob).is_err(), "there are three in all");
        drop(first);
        let again = room.enter(bob).unwrap();
        assert!(room.enter(ann).is_err());
        drop(again);
        assert!(room.enter(ann).is_ok());
        assert_eq!(room.accounts.lock().unwrap().len(), 2);
    }
}
