//! Money that came: each payment bought what it was for once, or went back whole; and nothing was given without one.

use super::{KOPECKS_PER_STAR, Sorted, item};
use crate::years::{books::BookPayment, rows::Row};
use std::collections::BTreeMap;

/// Milliseconds after which word of a payment has come, however it was lost: a day until books are compared, and a day for
/// workers that were slow.
const NEWS_MS: i64 = 2 * super::DAY_MS + super::DAY_MS / 2;

pub(super) fn check(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    for (id, paid) in sorted.truth.books.payments.iter().filter(|(_, payment)| payment.is_paid()) {
        match sorted.by_gateway.get(id.as_str()) {
            Some(ours) => compare(sorted, id, paid, ours, wrong),
            None if sorted.truth.is_last || paid.created_ms + NEWS_MS < sorted.truth.now_ms => {
                wrong.push(format!("money that nobody knows of: {id} {paid:?}"));
            }
            None => {}
        }
    }
    nothing_for_nothing(sorted, wrong);
    one_charge_a_cycle(sorted, wrong);
}

fn compare(sorted: &Sorted<'_>, id: &str, paid: &BookPayment, ours: &Row, wrong: &mut Vec<String>) {
    let same = (paid.account_id, paid.item.as_str(), paid.amount);
    if same != (ours.number("account_id"), ours.text("item"), ours.number("amount_minor")) {
        wrong.push(format!("{id} is another payment with us: {paid:?}, {ours:?}"));
    }
    let grants = grants_of(sorted, ours).len();
    let went_back = paid.refunded == paid.amount;
    match ours.text("status") {
        "succeeded" if grants == 1 => {}
        "succeeded" => wrong.push(format!("{id} bought {grants} times: {ours:?}")),
        "returned" if grants > 0 => wrong.push(format!("{id} went back and bought something: {ours:?}")),
        "returned" if went_back || is_on_its_way(sorted, ours) => {}
        "returned" => wrong.push(format!("{id} bought nothing and did not go back: {paid:?}, {ours:?}")),
        _ if grants > 0 && ours.text("status") != "applying" => {
            wrong.push(format!("{id} bought something and is not at its end: {ours:?}"));
        }
        // Charged ahead: it waits for its cycle.
        "paid" if ours.text("kind") == "renewal" && ours.number("due_at_ms") > sorted.truth.now_ms => {}
        status if sorted.truth.is_last => {
            wrong.push(format!("{id} is paid, and {status} with us: {paid:?}, {ours:?}"));
        }
        _ => {}
    }
    expect_price(paid, ours, wrong);
}

/// Whether a refund of it may still come about, or waits for a person because its service does not make it.
fn is_on_its_way(sorted: &Sorted<'_>, ours: &Row) -> bool {
    let refunds = sorted.refunds_by_payment.get(&ours.number("id"));
    let is_open = |refund: &&Row| refund.text("status") != "succeeded" && refund.text("status") != "failed";
    refunds.is_some_and(|refunds| refunds.iter().any(is_open))
}

/// The entries by which a payment brought tokens.
fn grants_of<'a>(sorted: &Sorted<'a>, ours: &'a Row) -> Vec<&'a Row> {
    let id = ours.number("id");
    let cycles = sorted.cycles_by_payment.get(&id).map_or(&[][..], Vec::as_slice);
    let of_cycles = cycles.iter().flat_map(|cycle| sorted.entries_of("allowance", cycle.number("id")));
    of_cycles
        .chain(sorted.entries_of("package", id))
        .filter(|entry| entry.text("debit") == "issued")
        .copied()
        .collect()
}

/// The catalog's price, less what an earlier plan was worth.
fn expect_price(paid: &BookPayment, ours: &Row, wrong: &mut Vec<String>) {
    let Some((tokens, kopecks)) = item(ours.text("kind"), ours.text("item")) else {
        return wrong.push(format!("there is no such thing: {ours:?}"));
    };
    let credit = ours.number("credit_minor");
    let price = if paid.is_stars { (kopecks + KOPECKS_PER_STAR - 1) / KOPECKS_PER_STAR } else { kopecks };
    if paid.amount + credit != price || ours.number("tokens") != tokens {
        wrong.push(format!("a wrong price: {paid:?}, {ours:?}"));
    }
}

/// Every grant has its payment.
fn nothing_for_nothing(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    let cycles: BTreeMap<i64, &Row> =
        sorted.truth.rows.cycles.iter().map(|cycle| (cycle.number("id"), cycle)).collect();
    let mut bought: BTreeMap<i64, u32> = BTreeMap::new();
    for grant in sorted.truth.rows.entries.iter().filter(|entry| entry.text("debit") == "issued") {
        let payment_id = match grant.text("reason") {
            "starter" => continue,
            "package" => grant.number("source_id"),
            "allowance" => cycles[&grant.number("source_id")].number("payment_id"),
            _ => -1,
        };
        *bought.entry(payment_id).or_default() += 1;
        let Some(ours) = sorted.payments.get(&payment_id) else {
            wrong.push(format!("a grant without an order: {grant:?}"));
            continue;
        };
        let paid = sorted.truth.books.payments.get(ours.text("gateway_id"));
        if !paid.is_some_and(BookPayment::is_paid) {
            wrong.push(format!("a grant without money: {grant:?}, {ours:?}, {paid:?}"));
        }
        let tokens = item(ours.text("kind"), ours.text("item")).map(|(tokens, _)| tokens);
        if tokens != Some(grant.number("amount_tokens"))
            || grant.number("account_id") != ours.number("account_id")
        {
            wrong.push(format!("a wrong grant: {grant:?}, {ours:?}"));
        }
    }
    for (payment_id, times) in bought.into_iter().filter(|(_, times)| *times > 1) {
        wrong.push(format!("payment {payment_id} bought {times} times"));
    }
}

/// Nobody is charged twice for one cycle, whatever becomes of the money.
fn one_charge_a_cycle(sorted: &Sorted<'_>, wrong: &mut Vec<String>) {
    for (subscription_id, charges) in &sorted.charges {
        let mut paid: Vec<i64> =
            charges.iter().filter(|charge| charge.is_paid()).map(|charge| charge.cycle_index).collect();
        paid.sort_unstable();
        if paid.windows(2).any(|pair| pair[0] == pair[1]) {
            wrong.push(format!("subscription {subscription_id} was charged for cycles {paid:?}"));
        }
    }
}
