//! Between rows and the types of billing.

use crate::{
    Error,
    entity::{ledger_entry, payment, refund, subscription},
};
use domain::{
    billing::{
        Currency, CycleWindow, EndReason, Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind,
        RefundStatus, Subscription, SubscriptionStatus, TradeIn,
    },
    id::{AccountId, CycleId, PaymentId, RefundId, SubscriptionId},
    ledger::{Entry, Leg, Reason},
    port::{Decline, PaymentMethod},
    time::Timestamp,
};

/// What a word in a column means; a word that this version does not know is an error.
fn known<T>(table: &str, id: i64, word: &str, parse: impl Fn(&str) -> Option<T>) -> Result<T, Error> {
    parse(word).ok_or_else(|| Error::BadRow(format!("{table} {id}: {word}")))
}

fn instant(ms: Option<i64>) -> Option<Timestamp> {
    ms.map(Timestamp::from_unix_ms)
}

pub(super) fn payment_from(row: payment::Model) -> Result<Payment, Error> {
    let id = row.id;
    let currency = known("payments", id, &row.currency, Currency::parse)?;
    let trade_in = match (
        row.trade_in_cycle_id,
        row.trade_in_tokens,
        row.trade_in_seen_available,
        row.trade_in_seen_held,
    ) {
        (Some(cycle_id), Some(tokens), Some(available), Some(held)) => {
            Some(TradeIn { cycle_id: CycleId(cycle_id), tokens, seen: (available, held) })
        }
        _ => None,
    };
    let decline = row.decline.map(|word| known("payments", id, &word, Decline::parse)).transpose()?;
    Ok(Payment {
        account_id: AccountId(row.account_id),
        id: PaymentId(id),
        version: row.version,
        kind: known("payments", id, &row.kind, PaymentKind::parse)?,
        item: row.item,
        tokens: row.tokens,
        method: known("payments", id, &row.method, PaymentMethod::parse)?,
        status: known("payments", id, &row.status, PaymentStatus::parse)?,
        amount: Money { currency, amount_minor: row.amount_minor },
        credit_minor: row.credit_minor,
        refunded_minor: row.refunded_minor,
        reference: row.reference,
        gateway_id: row.gateway_id,
        confirmation_url: row.confirmation_url,
        return_url: row.return_url,
        receipt_email: row.receipt_email,
        saved_method_id: row.saved_method_id,
        payer_id: row.payer_id,
        paid_until: instant(row.paid_until_ms),
        subscription_id: row.subscription_id.map(SubscriptionId),
        cycle_index: row.cycle_index,
        cycle_id: row.cycle_id.map(CycleId),
        replaces: row.replaces_subscription_id.map(SubscriptionId).zip(row.replaces_cycle_id.map(CycleId)),
        trade_in,
        decline,
        attention: row.attention,
        checks: row.checks,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        paid_at: instant(row.paid_at_ms),
        due_at: instant(row.due_at_ms),
    })
}

/// The row as it is after a change: one version on, and nobody's.
pub(super) fn payment_row(payment: Payment) -> payment::Model {
    payment::Model {
        account_id: payment.account_id.0,
        id: payment.id.0,
        version: payment.version + 1,
        kind: payment.kind.name().to_owned(),
        item: payment.item,
        tokens: payment.tokens,
        method: payment.method.name().to_owned(),
        status: payment.status.name().to_owned(),
        currency: payment.amount.currency.code().to_owned(),
        amount_minor: payment.amount.amount_minor,
        credit_minor: payment.credit_minor,
        refunded_minor: payment.refunded_minor,
        reference: payment.reference,
        gateway_id: payment.gateway_id,
        confirmation_url: payment.confirmation_url,
        return_url: payment.return_url,
        receipt_email: payment.receipt_email,
        saved_method_id: payment.saved_method_id,
        payer_id: payment.payer_id,
        paid_until_ms: payment.paid_until.map(Timestamp::unix_ms),
        subscription_id: payment.subscription_id.map(|id| id.0),
        cycle_index: payment.cycle_index,
        cycle_id: payment.cycle_id.map(|id| id.0),
        replaces_subscription_id: payment.replaces.map(|(id, _)| id.0),
        replaces_cycle_id: payment.replaces.map(|(_, id)| id.0),
        trade_in_cycle_id: payment.trade_in.map(|trade_in| trade_in.cycle_id.0),
        trade_in_tokens: payment.trade_in.map(|trade_in| trade_in.tokens),
        trade_in_seen_available: payment.trade_in.map(|trade_in| trade_in.seen.0),
        trade_in_seen_held: payment.trade_in.map(|trade_in| trade_in.seen.1),
        decline: payment.decline.map(|decline| decline.name().to_owned()),
        attention: payment.attention,
        checks: payment.checks,
        created_at_ms: payment.created_at.unix_ms(),
        paid_at_ms: payment.paid_at.map(Timestamp::unix_ms),
        due_at_ms: payment.due_at.map(Timestamp::unix_ms),
        leased_until_ms: 0,
    }
}

pub(super) fn subscription_from(row: subscription::Model) -> Result<Subscription, Error> {
    let id = row.id;
    let end_reason = row.end_reason.map(|word| known("subscriptions", id, &word, EndReason::parse));
    Ok(Subscription {
        account_id: AccountId(row.account_id),
        id: SubscriptionId(id),
        version: row.version,
        plan: row.plan,
        method: known("subscriptions", id, &row.method, PaymentMethod::parse)?,
        status: known("subscriptions", id, &row.status, SubscriptionStatus::parse)?,
        end_reason: end_reason.transpose()?,
        anchor: Timestamp::from_unix_ms(row.anchor_at_ms),
        cycle_index: row.cycle_index,
        cycle_id: CycleId(row.cycle_id),
        window: CycleWindow {
            starts_at: Timestamp::from_unix_ms(row.cycle_starts_at_ms),
            ends_at: Timestamp::from_unix_ms(row.cycle_ends_at_ms),
        },
        price: Money {
            currency: known("subscriptions", id, &row.price_currency, Currency::parse)?,
            amount_minor: row.price_minor,
        },
        payment_id: PaymentId(row.payment_id),
        saved_method_id: row.saved_method_id,
        is_method_gone: row.is_method_gone == 1,
        payer_id: row.payer_id,
        receipt_email: row.receipt_email,
        cancel_at_end: row.cancel_at_end == 1,
        next_plan: row.next_plan,
        declines: row.declines,
        renewal_payment_id: row.renewal_payment_id.map(PaymentId),
        attention: row.attention,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        due_at: instant(row.due_at_ms),
    })
}

/// As [`payment_row`].
pub(super) fn subscription_row(subscription: Subscription) -> subscription::Model {
    subscription::Model {
        account_id: subscription.account_id.0,
        id: subscription.id.0,
        version: subscription.version + 1,
        plan: subscription.plan,
        method: subscription.method.name().to_owned(),
        status: subscription.status.name().to_owned(),
        end_reason: subscription.end_reason.map(|reason| reason.name().to_owned()),
        anchor_at_ms: subscription.anchor.unix_ms(),
        cycle_index: subscription.cycle_index,
        cycle_id: subscription.cycle_id.0,
        cycle_starts_at_ms: subscription.window.starts_at.unix_ms(),
        cycle_ends_at_ms: subscription.window.ends_at.unix_ms(),
        price_currency: subscription.price.currency.code().to_owned(),
        price_minor: subscription.price.amount_minor,
        payment_id: subscription.payment_id.0,
        saved_method_id: subscription.saved_method_id,
        is_method_gone: i64::from(subscription.is_method_gone),
        payer_id: subscription.payer_id,
        receipt_email: subscription.receipt_email,
        cancel_at_end: i64::from(subscription.cancel_at_end),
        next_plan: subscription.next_plan,
        declines: subscription.declines,
        renewal_payment_id: subscription.renewal_payment_id.map(|id| id.0),
        attention: subscription.attention,
        created_at_ms: subscription.created_at.unix_ms(),
        due_at_ms: subscription.due_at.map(Timestamp::unix_ms),
        leased_until_ms: 0,
    }
}

pub(super) fn refund_from(row: refund::Model) -> Result<Refund, Error> {
    let id = row.id;
    Ok(Refund {
        account_id: AccountId(row.account_id),
        id: RefundId(id),
        version: row.version,
        payment_id: PaymentId(row.payment_id),
        kind: known("refunds", id, &row.kind, RefundKind::parse)?,
        status: known("refunds", id, &row.status, RefundStatus::parse)?,
        amount: Money {
            currency: known("refunds", id, &row.currency, Currency::parse)?,
            amount_minor: row.amount_minor,
        },
        tokens: row.tokens,
        owed_tokens: row.owed_tokens,
        cycle_id: row.cycle_id.map(CycleId),
        seen: (row.seen_available, row.seen_held),
        reference: row.reference,
        gateway_id: row.gateway_id,
        reason: row.reason,
        attention: row.attention,
        checks: row.checks,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        due_at: instant(row.due_at_ms),
    })
}

/// As [`payment_row`].
pub(super) fn refund_row(refund: Refund) -> refund::Model {
    refund::Model {
        account_id: refund.account_id.0,
        id: refund.id.0,
        version: refund.version + 1,
        payment_id: refund.payment_id.0,
        kind: refund.kind.name().to_owned(),
        status: refund.status.name().to_owned(),
        currency: refund.amount.currency.code().to_owned(),
        amount_minor: refund.amount.amount_minor,
        tokens: refund.tokens,
        owed_tokens: refund.owed_tokens,
        cycle_id: refund.cycle_id.map(|id| id.0),
        seen_available: refund.seen.0,
        seen_held: refund.seen.1,
        reference: refund.reference,
        gateway_id: refund.gateway_id,
        reason: refund.reason,
        attention: refund.attention,
        checks: refund.checks,
        created_at_ms: refund.created_at.unix_ms(),
        due_at_ms: refund.due_at.map(Timestamp::unix_ms),
        leased_until_ms: 0,
    }
}

pub(super) fn entry_from(row: ledger_entry::Model) -> Result<Entry, Error> {
    let id = row.source_id;
    Ok(Entry {
        account_id: AccountId(row.account_id),
        reason: known("ledger_entries", id, &row.reason, Reason::parse)?,
        source_id: id,
        debit: known("ledger_entries", id, &row.debit, Leg::parse)?,
        credit: known("ledger_entries", id, &row.credit, Leg::parse)?,
        amount_tokens: row.amount_tokens,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
    })
}
