//! The end of all buying, for an account whose person is gone.

use crate::{App, Error};
use domain::{
    billing::{EndReason, PaymentKind},
    id::AccountId,
};

impl App {
    /// Gives up what an account has ordered and not paid, and ends its subscription now. What is paid all the same goes back. A
    /// repeat is harmless.
    ///
    /// # Errors
    /// [`Error::PaymentService`] when the service that renews the subscription cannot be told, [`Error::Moved`], or the
    /// database's; it is to be tried again.
    pub(crate) async fn stop_billing(&self, account_id: AccountId) -> Result<(), Error> {
        for open in self.storage().open_payments(account_id).await? {
            // The charge of a renewal is the service's to end.
            if open.kind != PaymentKind::Renewal {
                let canceled = self.cancel_payment(open, None).await?;
                self.advance_payment(canceled).await?;
            }
        }
        if self.live_subscription(account_id).await?.is_none() {
            return Ok(());
        }
        let subscription = self.cancel_subscription(account_id).await?;
        self.end_subscription(subscription, EndReason::Canceled).await
    }
}
