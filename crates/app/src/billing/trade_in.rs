//! Plan tokens that are set aside for a higher plan, whose price they pay a part of.

use crate::{App, Error};
use domain::{
    billing::Payment,
    ledger::{Bucket, Command, GiveBack, Reason, Refusal, TakeBack},
};
use storage::LedgerError;

impl App {
    /// Sets aside the plan tokens that pay a part of it. `false` when they have moved since the price was made.
    pub(super) async fn take_trade_in(&self, payment: &Payment) -> Result<bool, Error> {
        let Some(trade_in) = payment.trade_in.filter(|trade_in| trade_in.tokens > 0) else { return Ok(true) };
        let take = TakeBack {
            account_id: payment.account_id,
            reason: Reason::TradeIn,
            source_id: payment.id.0,
            bucket: Bucket::Plan(trade_in.cycle_id),
            amount_tokens: trade_in.tokens,
            owed_tokens: 0,
            seen: trade_in.seen,
        };
        match self.storage().ledger().run(Command::TakeBack(take)).await {
            Ok(()) => Ok(true),
            Err(LedgerError::Refused(Refusal::Moved)) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Gives back what was set aside for a payment, where that was done and not undone.
    pub(super) async fn give_back_trade_in(&self, payment: &Payment) -> Result<(), Error> {
        let Some(trade_in) = payment.trade_in.filter(|trade_in| trade_in.tokens > 0) else { return Ok(()) };
        let give = GiveBack {
            account_id: payment.account_id,
            reason: Reason::TradeInReturn,
            taken_as: Reason::TradeIn,
            source_id: payment.id.0,
            bucket: Bucket::Plan(trade_in.cycle_id),
            amount_tokens: trade_in.tokens,
        };
        Ok(self.storage().ledger().run(Command::GiveBack(give)).await?)
    }
}

/// Whether tokens are set aside for a payment.
pub(super) fn sets_aside(payment: &Payment) -> bool {
    payment.trade_in.is_some_and(|trade_in| trade_in.tokens > 0)
}
