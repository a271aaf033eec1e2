//! The bot's books: every movement of Stars there ever was, a page at a time.
//!
//! They cannot be searched by id or date. They are read to their end each time, which relies on no order, and finds a
//! refund however long after its payment it came.

use super::{answer, instant, stars};
use crate::adapter::{Exchange, Request, Response, Step, broken};
use domain::{
    billing::Money,
    port::{
        GatewayError, GatewayPayment, GatewayPaymentStatus, GatewayRecord, GatewayRefund, GatewayRefundStatus,
    },
    time::Timestamp,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What Telegram gives at once, at most.
const PAGE_ITEMS: usize = 100;

#[derive(Deserialize)]
struct Page {
    transactions: Vec<Transaction>,
}

#[derive(Deserialize)]
struct Transaction {
    id: String,
    /// Whole Stars.
    amount: i64,
    /// Seconds since the epoch.
    date: i64,
    /// Who paid the bot.
    source: Option<Partner>,
    /// Whom the bot paid.
    receiver: Option<Partner>,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Partner {
    User {
        transaction_type: Option<String>,
        user: User,
        invoice_payload: Option<String>,
        /// Seconds.
        subscription_period: Option<i64>,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct User {
    id: i64,
}

/// What was read so far: payments, and what went back to users, by id. A refund has its payment's id.
#[derive(Default)]
pub(super) struct Books {
    payments: BTreeMap<String, (Timestamp, Payment)>,
    paid_out: BTreeMap<String, (Timestamp, Money)>,
}

struct Payment {
    amount: Money,
    reference: Option<String>,
    payer_id: i64,
    paid_until: Option<Timestamp>,
}

/// Reads the books to their end and has `find` look into them.
pub(super) fn scan<T: 'static>(
    find: impl FnOnce(&Books) -> Result<T, GatewayError> + Send + 'static,
) -> Exchange<T> {
    page(0, Books::default(), Box::new(find))
}

type Find<T> = Box<dyn FnOnce(&Books) -> Result<T, GatewayError> + Send>;

fn page<T: 'static>(offset: usize, mut books: Books, find: Find<T>) -> Exchange<T> {
    let query = vec![("offset", offset.to_string()), ("limit", PAGE_ITEMS.to_string())];
    Exchange::steps(Request::get("/getStarTransactions", query), move |response: &Response| {
        let page: Page = answer::read(response)?;
        // A page may be shorter than was asked for; only the end is empty.
        if page.transactions.is_empty() {
            return find(&books).map(Step::Done);
        }
        let next = offset.saturating_add(page.transactions.len());
        for transaction in page.transactions {
            books.enter(transaction)?;
        }
        Ok(Step::Send(Box::new(self::page(next, books, find))))
    })
}

impl Books {
    fn enter(&mut self, transaction: Transaction) -> Result<(), GatewayError> {
        let Transaction { id, amount, date, source, receiver } = transaction;
        let odd = || broken("a transaction holds a number that cannot be");
        match (source, receiver) {
            (Some(Partner::User { transaction_type, user, invoice_payload, subscription_period }), None)
                if transaction_type.as_deref() == Some("invoice_payment") =>
            {
                let ends = subscription_period.map(|period_s| date.checked_add(period_s).and_then(instant));
                let payment = Payment {
                    amount: stars(amount).ok_or_else(odd)?,
                    reference: invoice_payload,
                    payer_id: user.id,
                    paid_until: ends.map(|ends| ends.ok_or_else(odd)).transpose()?,
                };
                self.payments.insert(id, (instant(date).ok_or_else(odd)?, payment));
            }
            (None, Some(Partner::User { .. })) => {
                let paid_out = (instant(date).ok_or_else(odd)?, stars(amount).ok_or_else(odd)?);
                self.paid_out.insert(id, paid_out);
            }
            // Withdrawals, gifts, advertisements and what else a bot may do with its Stars.
            _ => {}
        }
        Ok(())
    }

    /// The payment of that id.
    pub(super) fn payment(&self, id: &str) -> Option<GatewayPayment> {
        let (paid_at, payment) = self.payments.get(id)?;
        let refunded = self.paid_out.get(id).map_or(Money::stars(0), |(_, amount)| *amount);
        Some(GatewayPayment {
            gateway_id: Some(id.to_owned()),
            reference: payment.reference.clone(),
            status: GatewayPaymentStatus::Succeeded,
            amount: payment.amount,
            refunded,
            confirmation_url: None,
            saved_method_id: None,
            payer_id: Some(payment.payer_id.to_string()),
            paid_at: Some(*paid_at),
            paid_until: payment.paid_until,
        })
    }

    /// The refund of the payment of that id. What a user was given for anything else is none.
    pub(super) fn refund(&self, id: &str) -> Option<GatewayRefund> {
        let (_, amount) = self.paid_out.get(id).filter(|_| self.payments.contains_key(id))?;
        Some(GatewayRefund {
            gateway_id: None,
            reference: None,
            payment_gateway_id: id.to_owned(),
            amount: *amount,
            status: GatewayRefundStatus::Succeeded,
        })
    }

    /// All payments and refunds of that time.
    pub(super) fn records(&self, from: Timestamp, to: Timestamp) -> Vec<GatewayRecord> {
        let is_in = |at: Timestamp| from <= at && at < to;
        let payments = self.payments.iter().filter(|(_, (at, _))| is_in(*at));
        let payments = payments.filter_map(|(id, _)| self.payment(id)).map(GatewayRecord::Payment);
        let refunds = self.paid_out.iter().filter(|(_, (at, _))| is_in(*at));
        let refunds = refunds.filter_map(|(id, _)| self.refund(id)).map(GatewayRecord::Refund);
        payments.chain(refunds).collect()
    }
}
