//! Accounts whose every token is a thing of its own, with the kopecks that it stands for.

use super::TERMS;
use domain::{
    billing::{
        Money, Payment, PaymentKind, PaymentStatus, Refund, RefundKind, RefundStatus, TradeIn,
        report::{AccountBooks, BucketReport, ChargedGeneration, CycleBooks, Flow},
    },
    id::{AccountId, CycleId, PaymentId, RefundId, SubscriptionId},
    ledger::{Entry, Leg, Reason, Wallet},
    port::PaymentMethod,
    time::Timestamp,
};
use std::collections::BTreeMap;

/// Something that happens in an account.
#[derive(Clone, Debug)]
pub enum Act {
    Package { price: i64, tokens: i64, is_stars: bool },
    Grant { tokens: i64 },
    Cycle { price: Option<i64>, tokens: i64, length_ms: i64 },
    Use { model: usize, tokens: i64, cost: Option<i64> },
    Expire,
    Refund { lot: usize, comes_back: bool },
    TradeIn { comes_back: bool },
    Owe { tokens: i64 },
}

/// Tokens that came together: what each one that is left stands for; the last is the next to go.
#[derive(Clone, Debug)]
struct Pile {
    id: i64,
    is_package: bool,
    left: Vec<i64>,
}

impl Pile {
    fn new(id: i64, is_package: bool, kopecks: i64, tokens: i64) -> Self {
        let upto = |gone: i64| kopecks * gone / tokens;
        let left = (0..tokens).rev().map(|gone| upto(gone + 1) - upto(gone)).collect();
        Self { id, is_package, left }
    }
}

/// An account.
#[derive(Clone, Debug)]
pub struct Account {
    id: AccountId,
    lots: Vec<Pile>,
    cycle: Option<(Pile, Timestamp)>,
    owed: i64,
    payments: Vec<Payment>,
    refunds: Vec<Refund>,
    cycles: Vec<CycleBooks>,
    entries: Vec<(Entry, Option<ChargedGeneration>)>,
}

impl Account {
    fn new(id: AccountId) -> Self {
        Self {
            id,
            lots: Vec::new(),
            cycle: None,
            owed: 0,
            payments: Vec::new(),
            refunds: Vec::new(),
            cycles: Vec::new(),
            entries: Vec::new(),
        }
    }

    pub fn books(&self) -> AccountBooks {
        let count = |pile: &Pile| i64::try_from(pile.left.len()).unwrap();
        let wallet = Wallet {
            plan_available: self.cycle.as_ref().map_or(0, |(pile, _)| count(pile)),
            permanent_available: self.lots.iter().map(count).sum(),
            owed_tokens: self.owed,
            ..Wallet::empty(self.id)
        };
        AccountBooks {
            wallet,
            payments: self.payments.clone(),
            refunds: self.refunds.clone(),
            cycles: self.cycles.clone(),
            lots: self
                .entries
                .iter()
                .map(|(entry, _)| *entry)
                .filter(|entry| entry.debit == Leg::Issued)
                .collect(),
        }
    }

    /// The entries by time, those of one instant by source.
    pub fn movements(&self) -> Vec<(Entry, Option<ChargedGeneration>)> {
        let mut entries = self.entries.clone();
        entries.sort_by_key(|(entry, _)| (entry.created_at, entry.source_id));
        entries
    }
}

/// What a report must say.
#[derive(Clone, Debug, Default)]
pub struct Naive {
    pub plan: BucketReport,
    pub permanent: BucketReport,
    pub owed: i64,
    pub sold: i64,
    /// Generations, tokens, kopecks, micro-dollars.
    pub models: BTreeMap<String, (i64, i64, i64, i64)>,
}

/// All accounts.
#[derive(Debug)]
pub struct World {
    now_ms: i64,
    next_id: i64,
    accounts: BTreeMap<AccountId, Account>,
    naive: Naive,
    is_closed: bool,
}

impl World {
    pub fn new(accounts: impl IntoIterator<Item = AccountId>) -> Self {
        let accounts = accounts.into_iter().map(|id| (id, Account::new(id))).collect();
        Self { now_ms: 0, next_id: 0, accounts, naive: Naive::default(), is_closed: false }
    }

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    pub fn naive(&self) -> Naive {
        let mut naive = self.naive.clone();
        if !self.is_closed {
            self.close(&mut naive);
        }
        naive
    }

    /// What is there now is what is there when the time of the report ends.
    fn close(&self, naive: &mut Naive) {
        let worth = |piles: Vec<&Pile>| Flow {
            tokens: piles.iter().map(|pile| i64::try_from(pile.left.len()).unwrap()).sum(),
            kopecks: piles.iter().flat_map(|pile| &pile.left).sum(),
        };
        let accounts = || self.accounts.values();
        naive.permanent.closing = worth(accounts().flat_map(|account| &account.lots).collect());
        naive.plan.closing =
            worth(accounts().filter_map(|account| Some(&account.cycle.as_ref()?.0)).collect());
        naive.owed = accounts().map(|account| account.owed).sum();
    }

    fn id(&mut self) -> i64 {
        self.next_id += 1;
        self.next_id
    }

    pub fn act(&mut self, id: AccountId, wait_ms: i64, act: Act) {
        self.now_ms += wait_ms;
        if self.now_ms >= TERMS.to.unix_ms() && !self.is_closed {
            let mut naive = self.naive.clone();
            self.close(&mut naive);
            (self.naive, self.is_closed) = (naive, true);
        }
        let mut account = self.accounts[&id].clone();
        match act {
            Act::Package { price, tokens, is_stars } => {
                let money = if is_stars { Money::stars(price) } else { Money::kopecks(price) };
                let payment = self.pay(&mut account, PaymentKind::Package, money, tokens);
                let kopecks = if is_stars { price * 120 } else { price };
                self.give(&mut account, Reason::Package, payment, kopecks, tokens);
            }
            Act::Grant { tokens } => {
                let grant = self.id();
                self.give(&mut account, Reason::Grant, grant, 0, tokens);
            }
            Act::Cycle { price, tokens, length_ms } => self.open(&mut account, price, tokens, length_ms),
            Act::Use { model, tokens, cost } => self.spend(&mut account, model, tokens, cost),
            Act::Expire => {
                if account.cycle.as_ref().is_some_and(|(_, ends_at)| *ends_at <= self.now()) {
                    self.end_cycle(&mut account);
                }
            }
            Act::Refund { lot, comes_back } => self.refund(&mut account, lot, comes_back),
            Act::TradeIn { comes_back } => self.trade_in(&mut account, comes_back),
            Act::Owe { tokens } => {
                let source = self.id();
                account.owed += tokens;
                self.enter(
                    &mut account,
                    Reason::Chargeback,
                    source,
                    (Leg::Owed, Leg::Adjusted),
                    tokens,
                    None,
                );
            }
        }
        self.accounts.insert(id, account);
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_unix_ms(self.now_ms)
    }

    fn enter(
        &self,
        account: &mut Account,
        reason: Reason,
        source_id: i64,
        (debit, credit): (Leg, Leg),
        amount_tokens: i64,
        generation: Option<&ChargedGeneration>,
    ) {
        if amount_tokens > 0 {
            let (account_id, created_at) = (account.id, self.now());
            let entry = Entry { account_id, reason, source_id, debit, credit, amount_tokens, created_at };
            account.entries.push((entry, generation.cloned()));
        }
    }

    /// Adds to one of a bucket's sums, or before the time of the report to its opening.
    fn tally(&mut self, is_plan: bool, which: fn(&mut BucketReport) -> &mut Flow, sign: i64, values: &[i64]) {
        let flow = Flow { tokens: i64::try_from(values.len()).unwrap(), kopecks: values.iter().sum() };
        let bucket = if is_plan { &mut self.naive.plan } else { &mut self.naive.permanent };
        if self.now_ms < TERMS.from.unix_ms() {
            let opening = bucket.opening;
            bucket.opening = if sign > 0 { opening.plus(flow) } else { opening.minus(flow) };
        } else if self.now_ms < TERMS.to.unix_ms() {
            *which(bucket) = which(bucket).plus(flow);
        }
    }

    fn pay(&mut self, account: &mut Account, kind: PaymentKind, amount: Money, tokens: i64) -> i64 {
        let id = self.id();
        account.payments.push(payment(account.id, id, kind, amount, tokens, self.now()));
        if (TERMS.from..TERMS.to).contains(&self.now()) {
            self.naive.sold += 1;
        }
        id
    }

    /// A pile that has come, of which the account's debt is paid.
    fn come(&mut self, account: &mut Account, pile: &mut Pile, is_plan: bool, reason: Reason) {
        let leg = if is_plan { Leg::Plan } else { Leg::Permanent };
        let tokens = i64::try_from(pile.left.len()).unwrap();
        self.enter(account, reason, pile.id, (Leg::Issued, leg), tokens, None);
        self.tally(is_plan, |bucket| &mut bucket.granted, 1, &pile.left);
        let recovered = account.owed.min(tokens);
        let taken = pop(pile, recovered);
        account.owed -= recovered;
        self.enter(account, Reason::DebtRecovery, pile.id, (leg, Leg::Owed), recovered, None);
        self.tally(is_plan, |bucket| &mut bucket.recovered, -1, &taken);
    }

    fn give(&mut self, account: &mut Account, reason: Reason, source: i64, kopecks: i64, tokens: i64) {
        let mut pile = Pile::new(source, reason == Reason::Package, kopecks, tokens);
        self.come(account, &mut pile, false, reason);
        account.lots.push(pile);
    }

    fn open(&mut self, account: &mut Account, price: Option<i64>, tokens: i64, length_ms: i64) {
        self.end_cycle(account);
        let payment =
            price.map(|price| self.pay(account, PaymentKind::Renewal, Money::kopecks(price), tokens));
        let id = self.id();
        let mut pile = Pile::new(id, false, price.unwrap_or(0), tokens);
        let ends_at = self.now().plus_ms(length_ms);
        account.cycles.push(CycleBooks {
            id: CycleId(id),
            allowance_tokens: tokens,
            ends_at,
            payment_id: payment,
        });
        self.come(account, &mut pile, true, Reason::Allowance);
        account.cycle = Some((pile, ends_at));
    }

    fn end_cycle(&mut self, account: &mut Account) {
        if let Some((pile, _)) = account.cycle.take() {
            let tokens = i64::try_from(pile.left.len()).unwrap();
            self.enter(account, Reason::Expiry, pile.id, (Leg::Plan, Leg::Expired), tokens, None);
            self.tally(true, |bucket| &mut bucket.expired, -1, &pile.left);
        }
    }

    fn spend(&mut self, account: &mut Account, model: usize, tokens: i64, cost: Option<i64>) {
        let now = self.now();
        let mut plan = Vec::new();
        let mut cycle_id = None;
        if let Some((pile, _)) = account.cycle.as_mut().filter(|(_, ends_at)| now < *ends_at) {
            plan = pop(pile, tokens);
            cycle_id = (!plan.is_empty()).then_some(pile.id);
        }
        let mut permanent = Vec::new();
        for lot in &mut account.lots {
            let due = tokens - i64::try_from(plan.len() + permanent.len()).unwrap();
            permanent.extend(pop(lot, due));
        }
        let source = self.id();
        let model_slug = ["flux", "gpt-5", "photon", "whisper"][model].to_owned();
        let generation = ChargedGeneration { model_slug: model_slug.clone(), cycle_id, cost_micro_usd: cost };
        let (of_plan, of_permanent) =
            (i64::try_from(plan.len()).unwrap(), i64::try_from(permanent.len()).unwrap());
        let charge = Reason::Charge;
        self.enter(account, charge, source, (Leg::Permanent, Leg::Spent), of_permanent, Some(&generation));
        self.enter(account, charge, source, (Leg::Plan, Leg::Spent), of_plan, Some(&generation));
        self.tally(true, |bucket| &mut bucket.spent, -1, &plan);
        self.tally(false, |bucket| &mut bucket.spent, -1, &permanent);
        if of_plan + of_permanent > 0 && (TERMS.from..TERMS.to).contains(&now) {
            let sums = self.naive.models.entry(model_slug).or_default();
            sums.0 += 1;
            sums.1 += of_plan + of_permanent;
            sums.2 += plan.iter().chain(&permanent).sum::<i64>();
            sums.3 += cost.unwrap_or(0);
        }
    }

    /// Takes what is left of a package, and gives it back when the money could not be.
    fn refund(&mut self, account: &mut Account, lot: usize, comes_back: bool) {
        let Some(place) = account.lots.iter().position(|pile| pile.is_package && !pile.left.is_empty())
        else {
            return;
        };
        let place =
            (place..account.lots.len()).filter(|at| account.lots[*at].is_package).nth(lot).unwrap_or(place);
        let id = self.id();
        let payment = account.lots[place].id;
        account.refunds.push(refund(account.id, id, payment, self.now()));
        let taken = std::mem::take(&mut account.lots[place].left);
        let tokens = i64::try_from(taken.len()).unwrap();
        self.enter(account, Reason::Refund, id, (Leg::Permanent, Leg::Adjusted), tokens, None);
        self.tally(false, |bucket| &mut bucket.adjusted, -1, &taken);
        if comes_back {
            self.enter(account, Reason::RefundReturn, id, (Leg::Adjusted, Leg::Permanent), tokens, None);
            self.untally(false, &taken);
            account.lots[place].left = taken;
        }
    }

    /// Sets plan tokens aside for a payment, which then is not made; they come back, or their cycle ends first.
    fn trade_in(&mut self, account: &mut Account, comes_back: bool) {
        let Some((mut pile, ends_at)) = account.cycle.take() else { return };
        let taken = std::mem::take(&mut pile.left);
        let tokens = i64::try_from(taken.len()).unwrap();
        let id = self.id();
        let trade_in = TradeIn { cycle_id: CycleId(pile.id), tokens, seen: (tokens, 0) };
        let ordered = payment(account.id, id, PaymentKind::Subscription, Money::kopecks(1), 1, self.now());
        account.payments.push(Payment {
            status: PaymentStatus::Canceled,
            paid_at: None,
            trade_in: Some(trade_in),
            ..ordered
        });
        self.enter(account, Reason::TradeIn, id, (Leg::Plan, Leg::Adjusted), tokens, None);
        self.tally(true, |bucket| &mut bucket.adjusted, -1, &taken);
        if comes_back {
            self.enter(account, Reason::TradeInReturn, id, (Leg::Adjusted, Leg::Plan), tokens, None);
            self.untally(true, &taken);
            pile.left = taken;
        } else {
            self.enter(account, Reason::TradeInReturn, id, (Leg::Adjusted, Leg::Expired), tokens, None);
            self.untally(true, &taken);
            self.tally(true, |bucket| &mut bucket.expired, -1, &taken);
        }
        account.cycle = Some((pile, ends_at));
    }

    /// Less was taken back in the end.
    fn untally(&mut self, is_plan: bool, values: &[i64]) {
        let negative: Vec<i64> = values.iter().map(|value| -value).collect();
        let flow = Flow { tokens: -i64::try_from(values.len()).unwrap(), kopecks: negative.iter().sum() };
        let bucket = if is_plan { &mut self.naive.plan } else { &mut self.naive.permanent };
        if self.now_ms < TERMS.from.unix_ms() {
            bucket.opening = bucket.opening.minus(flow);
        } else if self.now_ms < TERMS.to.unix_ms() {
            bucket.adjusted = bucket.adjusted.plus(flow);
        }
    }
}

/// Up to `tokens` of a pile, in the order in which they go.
fn pop(pile: &mut Pile, tokens: i64) -> Vec<i64> {
    (0..tokens).map_while(|_| pile.left.pop()).collect()
}

fn payment(
    account_id: AccountId,
    id: i64,
    kind: PaymentKind,
    amount: Money,
    tokens: i64,
    at: Timestamp,
) -> Payment {
    Payment {
        account_id,
        id: PaymentId(id),
        version: 1,
        kind,
        item: "start".to_owned(),
        tokens,
        method: PaymentMethod::Yookassa,
        status: PaymentStatus::Succeeded,
        amount,
        credit_minor: 0,
        refunded_minor: 0,
        reference: String::new(),
        gateway_id: None,
        confirmation_url: None,
        return_url: None,
        receipt_email: None,
        saved_method_id: None,
        payer_id: None,
        paid_until: None,
        subscription_id: Some(SubscriptionId(1)),
        cycle_index: None,
        cycle_id: None,
        replaces: None,
        trade_in: None,
        decline: None,
        attention: None,
        checks: 0,
        created_at: at,
        paid_at: Some(at),
        due_at: None,
    }
}

fn refund(account_id: AccountId, id: i64, payment: i64, at: Timestamp) -> Refund {
    Refund {
        account_id,
        id: RefundId(id),
        version: 1,
        payment_id: PaymentId(payment),
        kind: RefundKind::Granted,
        status: RefundStatus::Succeeded,
        amount: Money::kopecks(1),
        tokens: 1,
        owed_tokens: 0,
        cycle_id: None,
        seen: (1, 0),
        reference: String::new(),
        gateway_id: None,
        reason: String::new(),
        attention: None,
        checks: 0,
        created_at: at,
        due_at: None,
    }
}
