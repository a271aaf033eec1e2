//! Subscriptions: what they renew, when, and how they end.

use super::{Account, At, GRACE_MS, Row, months_later};
use crate::simulation::{
    model::{
        DAY_MS,
        prices::{rank, share},
    },
    process::World,
};
use domain::port::GatewayPaymentStatus;
use std::collections::BTreeMap;

/// Charges for one cycle: the first, and the repeats.
const MOST_CHARGES: usize = 5;

/// A subscription that has not ended.
#[derive(Clone, Debug)]
pub struct Live {
    pub id: i64,
    pub plan: String,
    pub anchor_ms: i64,
    pub index: i64,
    pub cycle_id: i64,
    pub starts_ms: i64,
    pub ends_ms: i64,
    /// All that was paid for the cycle, an earlier plan's worth included.
    pub price: i64,
    pub payment_id: i64,
    /// Whether it ends with the cycle, and the plan from the next one on.
    pub ends: bool,
    pub next: Option<String>,
}

impl Live {
    /// What is unused of a cycle that cost `price`.
    pub fn worth(&self, price: i64, free: i64, now_ms: i64) -> i64 {
        let tokens = super::plan(&self.plan).tokens;
        let by_time = share(price, self.ends_ms - now_ms, self.ends_ms - self.starts_ms);
        by_time.min(share(price, free, tokens))
    }
}

impl Account {
    /// What an order of a plan must come to; `None` where nobody promises.
    pub fn foresee_plan(&self, now_ms: i64, slug: &str) -> Option<&'static str> {
        let Some(live) = &self.books.live else {
            let given = self.cycle.as_ref().filter(|cycle| now_ms < cycle.ends_ms);
            return match given {
                Some(given) if given.subscription.is_some() => None,
                Some(given) if rank(slug) <= rank(&given.plan) => Some("refused"),
                _ => Some("payment"),
            };
        };
        let row = self.books.subscriptions.get(&live.id)?;
        let is_unpaid = row.text("status") == "past_due" || row.number("is_method_gone") == 1;
        let is_higher = rank(slug) > rank(&live.plan) || slug == live.plan && is_unpaid;
        Some(if is_higher { "payment" } else { "later" })
    }

    /// Whether money is on its way that may change what an order comes to.
    pub fn has_money_under_way(&self, world: &World) -> bool {
        self.books.payments.values().any(|row| match row.text("status") {
            "paid" | "applying" => true,
            "new" | "pending" | "canceled" => {
                let entered = world.till.by_reference(row.text("reference"));
                entered.is_some_and(|entered| entered.status == GatewayPaymentStatus::Succeeded)
            }
            _ => false,
        })
    }

    /// What is noted when this plan is wanted from the next cycle on; one that was charged already comes first.
    pub fn next_for(&self, wanted: &str) -> Option<String> {
        let live = self.books.live.as_ref()?;
        let row = self.books.subscriptions.get(&live.id)?;
        let charged = row.some("renewal_payment_id").and_then(|id| self.books.payments.get(&id));
        let comes_anyway =
            live.plan == wanted && charged.is_none_or(|renewal| renewal.text("item") == wanted);
        (!comes_anyway).then(|| wanted.to_owned())
    }

    /// Whether the next cycle may be charged, as it is.
    pub(super) fn check_charge(
        &self,
        at: &At<'_>,
        row: &Row,
        before: &BTreeMap<i64, Row>,
        wrong: &mut Vec<String>,
    ) {
        let live = self.books.live.as_ref().filter(|live| live.id == row.number("subscription_id"));
        let Some(live) = live else {
            return wrong.push(format!("a charge for what has ended: {row:?}"));
        };
        let mut running = live.index + 1;
        while months_later(live.anchor_ms, running + 1) <= at.now_ms {
            running += 1;
        }
        let first = self.books.payments.values().find(|paid| {
            paid.text("kind") == "subscription" && paid.some("subscription_id") == Some(live.id)
        });
        let is_saved = first
            .and_then(|first| at.world.till.by_reference(first.text("reference")))
            .is_some_and(|entered| entered.is_saved);
        let charges = self.charges(live.id, row.number("cycle_index"));
        let wanted = live.next.as_ref().unwrap_or(&live.plan);
        let is_gone = before.get(&live.id).is_some_and(|row| row.number("is_method_gone") == 1);
        for (is_wrong, why) in [
            (live.ends, "it is to end"),
            (at.now_ms < live.ends_ms - DAY_MS, "it is too early"),
            (charges.len() > 1 && at.now_ms >= live.ends_ms + GRACE_MS, "it is too late"),
            (row.text("item") != wanted, "it is another plan"),
            (row.number("cycle_index") != running, "it is another cycle"),
            (!is_saved || is_gone, "the method is not there"),
            (charges.len() > MOST_CHARGES, "it was charged often enough"),
            (!at.doing.bills, "nobody was to charge"),
        ] {
            if is_wrong {
                wrong.push(format!("a charge, and {why}: {live:?}, {row:?}"));
            }
        }
        let open = charges.iter().filter(|row| matches!(row.text("status"), "new" | "pending" | "paid"));
        if open.count() > 1 {
            wrong.push(format!("a second charge for one cycle: {row:?}"));
        }
    }

    /// The charges for a cycle.
    pub(super) fn charges(&self, subscription_id: i64, index: i64) -> Vec<&Row> {
        let all = self.books.payments.values().filter(|row| row.text("kind") == "renewal");
        all.filter(|row| {
            row.number("subscription_id") == subscription_id && row.number("cycle_index") == index
        })
        .collect()
    }

    /// A payment is decided to buy what it was for.
    pub(super) fn apply(&mut self, at: &At<'_>, row: &Row, wrong: &mut Vec<String>) {
        let price = row.number("amount_minor") + row.number("credit_minor");
        let (cycle_id, index) = (row.number("cycle_id"), row.number("cycle_index"));
        match row.text("kind") {
            "subscription" => {
                let live = self.books.live.take();
                let replaces = row.some("replaces_subscription_id");
                if replaces != live.as_ref().map(|live| live.id) {
                    wrong.push(format!("it was ordered in place of something else than {live:?}: {row:?}"));
                }
                let paid = at.world.till.by_reference(row.text("reference"));
                let paid_ms = paid.and_then(|entered| entered.paid_at).map_or(0, |at| at.unix_ms());
                let anchor_ms = paid_ms.max(row.number("created_at_ms"));
                self.books.live = Some(Live {
                    id: row.number("subscription_id"),
                    plan: row.text("item").to_owned(),
                    anchor_ms,
                    index: 0,
                    cycle_id,
                    starts_ms: anchor_ms,
                    ends_ms: months_later(anchor_ms, 1),
                    price,
                    payment_id: row.number("id"),
                    ends: false,
                    next: None,
                });
            }
            "renewal" => {
                let live = self.books.live.as_mut().filter(|live| live.id == row.number("subscription_id"));
                let Some(live) = live else {
                    return wrong.push(format!("a cycle of what has ended: {row:?}"));
                };
                let starts_ms = months_later(live.anchor_ms, index);
                let ends_ms = months_later(live.anchor_ms, index + 1);
                if live.ends || index <= live.index || at.now_ms < live.ends_ms || ends_ms <= at.now_ms {
                    wrong.push(format!("a cycle that must not come now, {live:?}: {row:?}"));
                }
                let plan = row.text("item").to_owned();
                let next = live.next.take().filter(|next| *next != plan);
                let (id, anchor_ms) = (live.id, live.anchor_ms);
                let payment_id = row.number("id");
                *live = Live {
                    id,
                    plan,
                    anchor_ms,
                    index,
                    cycle_id,
                    starts_ms,
                    ends_ms,
                    price,
                    payment_id,
                    ends: false,
                    next,
                };
            }
            _ => {}
        }
    }

    /// Holds subscriptions against what is known of them.
    pub(super) fn check_subscriptions(&mut self, at: &At<'_>, wrong: &mut Vec<String>) {
        let rows: Vec<Row> = self.books.subscriptions.values().cloned().collect();
        let mut is_there = false;
        for row in &rows {
            let id = row.number("id");
            let is_live = row.text("status") != "ended";
            match self.books.live.clone().filter(|live| live.id == id) {
                None if is_live => wrong.push(format!("a subscription that must have ended: {row:?}")),
                None => {}
                Some(live) if is_live => {
                    is_there = true;
                    self.check_live(at, live, row, wrong);
                }
                Some(live) => {
                    let is_refunded = self.books.refunds.values().any(|refund| {
                        refund.number("payment_id") == live.payment_id && refund.text("kind") != "unwanted"
                    });
                    let may_end = match row.text("end_reason") {
                        "canceled" => live.ends && at.now_ms >= live.ends_ms,
                        "unpaid" => at.now_ms >= live.ends_ms + GRACE_MS,
                        "refunded" => is_refunded,
                        _ => false,
                    };
                    if !may_end {
                        wrong.push(format!("a subscription ended without a reason, {live:?}: {row:?}"));
                    }
                    self.books.live = None;
                }
            }
        }
        if let Some(live) = self.books.live.as_ref().filter(|_| !is_there) {
            wrong.push(format!("a subscription is not there: {live:?}"));
        }
    }

    fn check_live(&mut self, at: &At<'_>, mut live: Live, row: &Row, wrong: &mut Vec<String>) {
        let wish = at.doing.wishes.clone().filter(|_| at.doing.account == self.id);
        let seen = (row.number("cancel_at_end") == 1, Some(row.text("next_plan").to_owned()));
        let seen = (seen.0, seen.1.filter(|next| !next.is_empty()));
        let known = (live.ends, live.next.clone());
        let is_done = wish.is_some() && at.doing.is_done;
        let is_right = match wish {
            Some(wish) if is_done => seen == wish,
            Some(wish) => seen == known || seen == wish,
            None => seen == known,
        };
        if !is_right {
            wrong.push(format!("its end and what comes next are not as wanted, {live:?}: {row:?}"));
        }
        (live.ends, live.next) = seen;
        let is_unsure = at.doing.died && at.doing.wishes.is_some() && at.doing.account == self.id;
        self.books.is_unsure |= is_unsure;
        if let Some(cycle) = self.cycle.as_mut().filter(|cycle| cycle.id == live.cycle_id) {
            // Whoever wants something anew has the plan's end written anew.
            if is_done {
                cycle.plan_until_ms = cycle.ends_ms + if live.ends { 0 } else { GRACE_MS };
                self.books.is_unsure = false;
            }
        }
        let must = (
            live.plan.as_str(),
            live.anchor_ms,
            live.index,
            live.cycle_id,
            live.starts_ms,
            live.ends_ms,
            live.price,
        );
        let is = (
            row.text("plan"),
            row.number("anchor_at_ms"),
            row.number("cycle_index"),
            row.number("cycle_id"),
            row.number("cycle_starts_at_ms"),
            row.number("cycle_ends_at_ms"),
            row.number("price_minor"),
        );
        if is != must {
            wrong.push(format!("a subscription that must be {live:?}: {row:?}"));
        }
        self.books.live = Some(live);
    }
}

/// Whether money came for a payment.
pub(super) fn is_paid(at: &At<'_>, row: &Row) -> bool {
    let entered = at.world.till.by_reference(row.text("reference"));
    entered.is_some_and(|entered| entered.status == GatewayPaymentStatus::Succeeded)
}
