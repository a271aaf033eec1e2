//! An account's ledger as its owner reads it.

use crate::{App, Caller, Error};
use domain::{id::AccountId, time::Timestamp};
use storage::EntryRecord;

/// Entries that are read at a time.
const PAGE_LEN: u32 = 500;

/// An account's entries of some time, the oldest first. They are read a page at a time, each in a query of its own: a reader
/// who takes hours holds nothing up, and nothing grows meanwhile.
pub struct Entries {
    app: App,
    account_id: AccountId,
    until: Timestamp,
    from: Timestamp,
    last: Option<EntryRecord>,
    is_over: bool,
}

impl App {
    /// The caller's entries from `from` up to `until`. Nothing is read yet.
    pub fn entries(&self, caller: &Caller, from: Timestamp, until: Timestamp) -> Entries {
        Entries { app: self.clone(), account_id: caller.account_id, from, until, last: None, is_over: false }
    }
}

impl Entries {
    /// The next page; `None` when there are no more.
    ///
    /// # Errors
    /// The database's; the same page can be asked for again.
    pub async fn next_page(&mut self) -> Result<Option<Vec<EntryRecord>>, Error> {
        if self.is_over {
            return Ok(None);
        }
        let (from, until, last) = (self.from, self.until, self.last.as_ref());
        let page = self.app.storage().entries(self.account_id, from, until, last, PAGE_LEN).await?;
        self.is_over = u32::try_from(page.len()).is_ok_and(|len| len < PAGE_LEN);
        self.last = page.last().cloned();
        Ok(Some(page).filter(|page| !page.is_empty()))
    }
}
