//! One account's part of a report.

use super::{Flow, Report, sales::SoldItem, worth::Price};
use crate::{
    billing::{Payment, Refund, RefundStatus},
    id::CycleId,
    ledger::{Entry, Leg, LotChange, Lots, Reason, Wallet},
    time::Timestamp,
};
use std::collections::BTreeMap;

/// A cycle as it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CycleBooks {
    /// Which.
    pub id: CycleId,
    /// NeuralBox tokens that it brought.
    pub allowance_tokens: i64,
    /// The first instant after it.
    pub ends_at: Timestamp,
    /// The payment that bought it.
    pub payment_id: Option<i64>,
}

/// What a reckoning must know of an account before it reads the entries.
#[derive(Clone, Debug)]
pub struct AccountBooks {
    /// The wallet as it is now.
    pub wallet: Wallet,
    /// Payments for which money came, or for which tokens were set aside.
    pub payments: Vec<Payment>,
    /// All refunds.
    pub refunds: Vec<Refund>,
    /// All cycles.
    pub cycles: Vec<CycleBooks>,
    /// At least the entries that gave permanent tokens, in any order.
    pub lots: Vec<Entry>,
}

/// The generation behind a charge, what came back of one, or a late release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChargedGeneration {
    /// Which model.
    pub model_slug: String,
    /// The cycle of its plan tokens.
    pub cycle_id: Option<i64>,
    /// What its vendor charges, in micro-dollars.
    pub cost_micro_usd: Option<i64>,
}

/// What is left of a cycle.
#[derive(Debug)]
struct CycleLeft {
    price: Price,
    ends_at: Timestamp,
    free_tokens: i64,
}

/// Tokens that went before their lot came, by another process's clock.
#[derive(Debug)]
struct Late {
    entry: Entry,
    model_slug: Option<String>,
    tokens: i64,
}

/// An account that is being read.
#[derive(Debug)]
pub struct AccountReckoning {
    wallet: Wallet,
    cycles: BTreeMap<i64, CycleLeft>,
    /// The cycle whose tokens a payment has set aside, or a refund has taken.
    cycle_of: BTreeMap<i64, i64>,
    lots: Lots,
    prices: Vec<Price>,
    late: Vec<Late>,
    /// The generation that was counted last.
    counted: Option<i64>,
    /// Plan, permanent and owed tokens by all entries, to this day.
    now: [i64; 3],
}

impl AccountReckoning {
    /// Enters an account's money in the report, and makes ready for its ledger entries.
    pub fn open(report: &mut Report, books: AccountBooks) -> Self {
        report.accounts = report.accounts.saturating_add(1);
        enter_money(report, &books);
        let terms = &report.terms;
        let paid: BTreeMap<i64, i64> =
            books.payments.iter().map(|payment| (payment.id.0, terms.price_kopecks(payment))).collect();
        let price_of = |payment_id: i64| paid.get(&payment_id).copied().unwrap_or(0);
        let cycles = books.cycles.iter().map(|cycle| {
            let kopecks = cycle.payment_id.map_or(0, price_of);
            let price = Price { kopecks, tokens: cycle.allowance_tokens };
            (cycle.id.0, CycleLeft { price, ends_at: cycle.ends_at, free_tokens: 0 })
        });
        let set_aside =
            books.payments.iter().filter_map(|payment| Some((payment.id.0, payment.trade_in?.cycle_id.0)));
        let taken = books.refunds.iter().filter_map(|refund| Some((refund.id.0, refund.cycle_id?.0)));
        let refunded = books.refunds.iter().map(|refund| (refund.id.0, refund.payment_id.0)).collect();
        let lots = Lots::new(books.lots.iter().filter(|entry| entry.created_at < terms.to), refunded);
        let prices = lots.all().iter().map(|lot| {
            let kopecks = if lot.reason == Reason::Package { price_of(lot.source_id) } else { 0 };
            Price { kopecks, tokens: lot.amount_tokens }
        });
        Self {
            wallet: books.wallet,
            cycles: cycles.collect(),
            cycle_of: set_aside.chain(taken).collect(),
            prices: prices.collect(),
            lots,
            late: Vec::new(),
            counted: None,
            now: [0; 3],
        }
    }

    /// Takes in the account's next entry, by time and then by source.
    pub fn enter(&mut self, report: &mut Report, entry: &Entry, generation: Option<&ChargedGeneration>) {
        report.entries = report.entries.saturating_add(1);
        for (sum, leg) in self.now.iter_mut().zip([Leg::Plan, Leg::Permanent, Leg::Owed]) {
            *sum = sum.saturating_add(signed(entry, leg));
        }
        if entry.created_at >= report.terms.to {
            return;
        }
        let model_slug = generation.map(|generation| generation.model_slug.as_str());
        self.count_generation(report, entry, generation);
        enter_debt(report, entry);
        // What is given back to a cycle that is over goes there, and ends with it.
        let is_lost = (entry.debit, entry.credit) == (Leg::Adjusted, Leg::Expired);
        if is_lost || entry.debit == Leg::Plan || entry.credit == Leg::Plan {
            let cycle_id = generation.and_then(|generation| generation.cycle_id);
            let cycle_id = cycle_id.or_else(|| self.cycle_of.get(&entry.source_id).copied());
            let cycle_id = cycle_id.unwrap_or(entry.source_id);
            if is_lost {
                self.move_plan(report, &Entry { credit: Leg::Plan, ..*entry }, cycle_id, None);
                self.move_plan(report, &Entry { debit: Leg::Plan, ..*entry }, cycle_id, None);
            } else {
                self.move_plan(report, entry, cycle_id, model_slug);
            }
        }
        if entry.debit == Leg::Permanent || entry.credit == Leg::Permanent {
            self.move_permanent(report, entry, model_slug);
        }
    }

    /// Ends the account: what is left counts as closing, and must be what the wallet has.
    pub fn close(mut self, report: &mut Report) {
        for late in std::mem::take(&mut self.late) {
            let (changes, rest) = self.lots.take_oldest(late.tokens);
            let flow =
                Flow { tokens: late.tokens.saturating_sub(rest), kopecks: self.lost_kopecks(&changes) };
            enter_flow(report, &late.entry, Leg::Permanent, flow, late.model_slug.as_deref());
        }
        for cycle in self.cycles.values() {
            let left = Flow { tokens: cycle.free_tokens, kopecks: cycle.price.of(cycle.free_tokens) };
            report.plan.closing.add(left);
            if cycle.ends_at <= report.terms.to {
                report.ended.add(left);
            }
        }
        for (lot, price) in self.lots.all().iter().zip(&self.prices) {
            let left = Flow { tokens: lot.free_tokens, kopecks: price.of(lot.free_tokens) };
            report.permanent.closing.add(left);
        }
        let wallet = &self.wallet;
        let [plan, permanent, owed] = self.now;
        for (what, has, replayed) in [
            ("plan tokens", wallet.plan_available.saturating_add(wallet.plan_held), plan),
            ("permanent tokens", wallet.permanent_available.saturating_add(wallet.permanent_held), permanent),
            ("owed tokens", wallet.owed_tokens, owed.saturating_neg()),
        ] {
            if has != replayed {
                report.problem(Some(wallet.account_id), format!("{what}: wallet {has}, entries {replayed}"));
            }
        }
    }

    /// Counts a generation at the first of its charges; those of one generation follow each other.
    fn count_generation(
        &mut self,
        report: &mut Report,
        entry: &Entry,
        generation: Option<&ChargedGeneration>,
    ) {
        let is_new = entry.reason == Reason::Charge && self.counted != Some(entry.source_id);
        if let Some(generation) = generation.filter(|_| is_new && report.terms.contains(entry.created_at)) {
            self.counted = Some(entry.source_id);
            report.sales.generation(&generation.model_slug, generation.cost_micro_usd);
        }
    }

    fn move_plan(&mut self, report: &mut Report, entry: &Entry, cycle_id: i64, model_slug: Option<&str>) {
        let Some(cycle) = self.cycles.get_mut(&cycle_id) else {
            let message =
                format!("an entry of reason {} is of no cycle: {}", entry.reason.name(), entry.source_id);
            report.problem(Some(entry.account_id), message);
            return;
        };
        let before = cycle.price.of(cycle.free_tokens);
        cycle.free_tokens = cycle.free_tokens.saturating_add(signed(entry, Leg::Plan));
        let after = cycle.price.of(cycle.free_tokens);
        let kopecks = after.saturating_sub(before).saturating_abs();
        enter_flow(report, entry, Leg::Plan, Flow { tokens: entry.amount_tokens, kopecks }, model_slug);
    }

    fn move_permanent(&mut self, report: &mut Report, entry: &Entry, model_slug: Option<&str>) {
        let (flow, rest) = if entry.debit == Leg::Issued {
            let place = self
                .lots
                .all()
                .iter()
                .position(|lot| (lot.reason, lot.source_id) == (entry.reason, entry.source_id));
            let price = place.and_then(|place| self.prices.get(place)).map_or(0, |price| price.kopecks);
            (Flow { tokens: entry.amount_tokens, kopecks: price }, 0)
        } else {
            let (changes, rest) = self.lots.enter(entry);
            let tokens = entry.amount_tokens.saturating_sub(rest);
            (Flow { tokens, kopecks: self.lost_kopecks(&changes).saturating_abs() }, rest)
        };
        enter_flow(report, entry, Leg::Permanent, flow, model_slug);
        if rest > 0 {
            self.late.push(Late { entry: *entry, model_slug: model_slug.map(str::to_owned), tokens: rest });
        }
    }

    /// What lots are worth less than before.
    fn lost_kopecks(&self, changes: &[LotChange]) -> i64 {
        let lost = changes.iter().filter_map(|change| {
            let price = self.prices.get(change.place)?;
            Some(price.of(change.before).saturating_sub(price.of(change.after)))
        });
        lost.fold(0, i64::saturating_add)
    }
}

fn enter_money(report: &mut Report, books: &AccountBooks) {
    for payment in books.payments.iter().filter(|payment| report.terms.is_sold(payment)) {
        report.sold.entry(SoldItem::of(payment)).or_default().add(payment.amount.amount_minor);
    }
    let refunds = books
        .refunds
        .iter()
        .filter(|refund| refund.status != RefundStatus::Failed && report.terms.contains(refund.created_at));
    for refund in refunds {
        let key = (refund.kind, refund.amount.currency);
        report.refunded.entry(key).or_default().add(refund.amount.amount_minor);
    }
}

fn enter_debt(report: &mut Report, entry: &Entry) {
    let owed = signed(entry, Leg::Owed).saturating_neg();
    let debts = &mut report.debts;
    let sum = match () {
        () if entry.created_at < report.terms.from => &mut debts.opening_tokens,
        () if owed > 0 => &mut debts.incurred_tokens,
        () => {
            debts.recovered_tokens = debts.recovered_tokens.saturating_sub(owed);
            return;
        }
    };
    *sum = sum.saturating_add(owed);
}

/// Enters what a bucket has gained or lost by an entry before the end of the time.
fn enter_flow(report: &mut Report, entry: &Entry, bucket: Leg, flow: Flow, model_slug: Option<&str>) {
    let is_in_time = report.terms.contains(entry.created_at);
    let of_bucket = if bucket == Leg::Plan { &mut report.plan } else { &mut report.permanent };
    let is_gain = entry.credit == bucket;
    let signed = if is_gain { flow } else { Flow::default().minus(flow) };
    let lost = Flow::default().minus(signed);
    if !is_in_time {
        of_bucket.opening.add(signed);
        return;
    }
    match if is_gain { entry.debit } else { entry.credit } {
        Leg::Issued => {
            of_bucket.granted.add(signed);
            report.granted.entry(entry.reason).or_default().add(flow);
        }
        Leg::Spent => {
            of_bucket.spent.add(lost);
            report.sales.charge(model_slug.unwrap_or_default(), lost);
        }
        Leg::Expired => of_bucket.expired.add(flow),
        Leg::Adjusted => of_bucket.adjusted.add(lost),
        Leg::Owed => of_bucket.recovered.add(flow),
        Leg::Plan | Leg::Permanent => {}
    }
}

/// What a leg gains by an entry, or loses.
fn signed(entry: &Entry, leg: Leg) -> i64 {
    match (entry.debit == leg, entry.credit == leg) {
        (false, true) => entry.amount_tokens,
        (true, false) => entry.amount_tokens.saturating_neg(),
        _ => 0,
    }
}
