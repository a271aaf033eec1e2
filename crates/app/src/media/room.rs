//! Room for fetching what clients name by address: so many files at once, and so many for one account.

use crate::{
    Error,
    room::{self, AccountRoom},
};
use domain::id::AccountId;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Places for requests whose files are being fetched.
pub(crate) struct InputRoom {
    all: Arc<Semaphore>,
    accounts: AccountRoom,
}

/// A place, until it is dropped.
pub(super) struct Place {
    _own: room::Place,
    _of_all: OwnedSemaphorePermit,
}

impl InputRoom {
    pub(crate) fn new(at_once: usize, at_once_per_account: usize) -> Self {
        Self {
            all: Arc::new(Semaphore::new(at_once.min(Semaphore::MAX_PERMITS))),
            accounts: AccountRoom::new(at_once_per_account),
        }
    }

    /// A place for a request of `account_id`. Nobody waits for one: whoever fetches slowly would keep the others waiting.
    ///
    /// # Errors
    /// [`Error::Overloaded`] when there is none.
    pub(super) fn enter(&self, account_id: AccountId) -> Result<Place, Error> {
        Ok(Place {
            _own: self.accounts.enter(account_id).ok_or(Error::Overloaded)?,
            _of_all: self.all.clone().try_acquire_owned().map_err(|_| Error::Overloaded)?,
        })
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
    }
}
