//! Services' books as one round of work reads them: at most once each, for all that is looked for in that round.

use super::CLOCK_SKEW_MS;
use crate::App;
use domain::{
    port::{GatewayError, GatewayRecord, PaymentMethod},
    time::Timestamp,
};
use tokio::sync::OnceCell;

type Read = OnceCell<Result<Vec<GatewayRecord>, GatewayError>>;

/// The books from some instant to now. Whoever looks must have asked for what it looks for before this was made.
pub(super) struct RoundBooks {
    from: Timestamp,
    yookassa: Read,
    telegram: Read,
}

impl RoundBooks {
    /// Books in which nothing is older than `from`, by our clock. They are read when somebody looks.
    pub(super) fn since(from: Timestamp) -> Self {
        Self { from: from.plus_ms(-CLOCK_SKEW_MS), yookassa: Read::new(), telegram: Read::new() }
    }
}

impl App {
    /// What a service has entered.
    pub(super) async fn records<'a>(
        &self,
        books: &'a RoundBooks,
        method: PaymentMethod,
    ) -> Result<&'a [GatewayRecord], GatewayError> {
        let read = match method {
            PaymentMethod::Yookassa => &books.yookassa,
            PaymentMethod::TelegramStars => &books.telegram,
        };
        let records = read.get_or_init(|| self.read_books(method, books.from)).await;
        records.as_deref().map_err(Clone::clone)
    }

    async fn read_books(
        &self,
        method: PaymentMethod,
        from: Timestamp,
    ) -> Result<Vec<GatewayRecord>, GatewayError> {
        let to = self.clock().now().plus_ms(CLOCK_SKEW_MS);
        let records = match self.require_gateway(method) {
            Ok(gateway) => gateway.records(from, to).await,
            Err(error) => Err(error),
        };
        records.inspect_err(|error| match method {
            // An order that is not found for a day says so itself.
            PaymentMethod::Yookassa => tracing::warn!(%error, "YooKassa's books could not be read"),
            PaymentMethod::TelegramStars => {
                tracing::error!(%error, "ALERT: Telegram's books cannot be read; subscriptions whose time is up wait");
            }
        })
    }
}
