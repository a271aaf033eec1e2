//! Reading what was ordered and paid.

use crate::{App, Error};
use domain::{billing::Payment, id::AccountId};

impl App {
    /// An account's payments, newest first, after the first `offset`; and how many there are.
    ///
    /// # Errors
    /// The database's.
    pub async fn payments(
        &self,
        account_id: AccountId,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<Payment>, u64), Error> {
        Ok(self.storage().payments(account_id, offset, limit).await?)
    }
}
