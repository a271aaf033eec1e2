//! Payments, refunds and subscriptions as operators see them.

use app::{InDoubt, PaymentDetails};
use domain::{
    billing::{EndReason, Payment, Refund, Subscription},
    id::AccountId,
    port::Decline,
};
use serde_json::{Value, json};
use std::fmt::Write;

pub(in crate::commands) fn payment(payment: &Payment) -> Value {
    json!({
        "id": payment.id,
        "account_id": payment.account_id,
        "kind": payment.kind.name(),
        "item": payment.item,
        "tokens": payment.tokens,
        "method": payment.method.name(),
        "status": payment.status.name(),
        "amount": payment.amount.to_string(),
        "refunded": domain::billing::Money { amount_minor: payment.refunded_minor, ..payment.amount }.to_string(),
        "currency": payment.amount.currency.code(),
        "created_at": payment.created_at,
        "paid_at": payment.paid_at,
        "attention": payment.attention,
    })
}

pub(super) fn refund(refund: &Refund) -> Value {
    json!({
        "id": refund.id,
        "account_id": refund.account_id,
        "payment_id": refund.payment_id,
        "kind": refund.kind.name(),
        "status": refund.status.name(),
        "amount": refund.amount.to_string(),
        "currency": refund.amount.currency.code(),
        "tokens": refund.tokens,
        "owed_tokens": refund.owed_tokens,
        "reason": refund.reason,
        "gateway_id": refund.gateway_id,
        "created_at": refund.created_at,
        "attention": refund.attention,
    })
}

pub(in crate::commands) fn subscription(subscription: &Subscription) -> Value {
    json!({
        "id": subscription.id,
        "account_id": subscription.account_id,
        "plan": subscription.plan,
        "method": subscription.method.name(),
        "status": subscription.status.name(),
        "end_reason": subscription.end_reason.map(EndReason::name),
        "cycle_index": subscription.cycle_index,
        "cycle_ends_at": subscription.window.ends_at,
        "cancel_at_end": subscription.cancel_at_end,
        "attention": subscription.attention,
    })
}

/// A payment with all that belongs to it.
pub(super) fn details(details: &PaymentDetails) -> Value {
    let found = &details.payment;
    let mut shown = payment(found);
    let more = json!({
        "credit_minor": found.credit_minor,
        "traded_in_tokens": found.trade_in.map(|trade_in| trade_in.tokens),
        "replaces_subscription_id": found.replaces.map(|(id, _)| id),
        "cycle_index": found.cycle_index,
        "cycle_id": found.cycle_id,
        "paid_until": found.paid_until,
        "decline": found.decline.map(Decline::name),
        "reference": found.reference,
        "gateway_id": found.gateway_id,
        "payer_id": found.payer_id,
        "checks": found.checks,
        "due_at": found.due_at,
        "names": details.names,
        "subscription": details.subscription.as_ref().map(subscription),
        "refunds": Value::from_iter(details.refunds.iter().map(refund)),
    });
    if let (Value::Object(shown), Value::Object(more)) = (&mut shown, more) {
        shown.extend(more);
    }
    shown
}

/// What waits for a person, of one account or of all.
pub(super) fn in_doubt(found: &InDoubt, account_id: Option<AccountId>) -> Value {
    let is_asked = |id: AccountId| account_id.is_none_or(|asked| asked == id);
    let row = |what: &str, id: i64, account_id: AccountId, since: Value, why: &Option<String>| json!({ "what": what, "id": id, "account_id": account_id, "since": since, "attention": why });
    let payments = found.payments.iter().filter(|found| is_asked(found.account_id));
    let payments = payments
        .map(|found| row("payment", found.id.0, found.account_id, json!(found.created_at), &found.attention));
    let refunds = found.refunds.iter().filter(|found| is_asked(found.account_id));
    let refunds = refunds
        .map(|found| row("refund", found.id.0, found.account_id, json!(found.created_at), &found.attention));
    let subscriptions = found.subscriptions.iter().filter(|found| is_asked(found.account_id));
    let subscriptions = subscriptions.map(|found| {
        row("subscription", found.id.0, found.account_id, json!(found.window.starts_at), &found.attention)
    });
    payments.chain(refunds).chain(subscriptions).collect()
}

/// Whose thing of that id waits for a person.
pub(super) fn doubted(found: &InDoubt, id: i64) -> Option<AccountId> {
    let payments = found.payments.iter().map(|found| (found.id.0, found.account_id));
    let refunds = found.refunds.iter().map(|found| (found.id.0, found.account_id));
    let subscriptions = found.subscriptions.iter().map(|found| (found.id.0, found.account_id));
    let mut all = payments.chain(refunds).chain(subscriptions);
    all.find(|(found, _)| *found == id).map(|(_, account_id)| account_id)
}

/// The columns of payments in a table.
pub(in crate::commands) const PAYMENT_COLUMNS: [&str; 9] =
    ["id", "account_id", "created_at", "kind", "item", "method", "status", "amount", "currency"];
/// The columns of what waits for a person.
pub(super) const DOUBT_COLUMNS: [&str; 5] = ["what", "id", "account_id", "since", "attention"];

/// Rows as a table of some of their fields.
pub(in crate::commands) fn table(rows: &Value, columns: &[&str], when_empty: &str) -> String {
    let rows: Vec<&Value> = rows.as_array().into_iter().flatten().collect();
    if rows.is_empty() {
        return when_empty.to_owned();
    }
    let mut lines = vec![columns.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| columns.iter().map(|name| cell(&row[*name])).collect()));
    let width = |column: usize| {
        lines.iter().filter_map(|line| line.get(column)).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns.len()).map(width).collect();
    let shown = lines.iter().map(|line| {
        let cells = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    shown.collect::<Vec<_>>().join("\n")
}

/// One thing, a line for each of its fields.
pub(in crate::commands) fn fields(data: &Value) -> String {
    let mut text = String::new();
    for (name, value) in data.as_object().into_iter().flatten() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:<24}  {}", cell(value));
    }
    text.trim_end().to_owned()
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
