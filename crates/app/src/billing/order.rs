//! Ordering a plan or a package.

use super::{LEASE_MS, reference::Reference};
use crate::{
    App, Error,
    accounts::{is_email, no_email},
};
use domain::{
    billing::{
        Money, Payment, PaymentKind, PaymentStatus, Purchase, Subscription, SubscriptionStatus, TradeIn,
        Unused,
    },
    id::{AccountId, CycleId, PaymentId, SubscriptionId},
    ledger::{Binding, Bucket, Wallet},
    params::FieldError,
    plan::Plan,
    port::PaymentMethod,
};
use http::Uri;
use storage::{BillingWrite, PaymentName};

const MAX_RETURN_URL_CHARS: usize = 2_048;
/// What is to be paid at least, whatever an earlier plan is worth: services take no less.
const LEAST_KOPECKS: i64 = 100;
/// How often a price is made anew when the account's tokens move while it is made.
const MAX_TRIES: usize = 5;

/// How somebody wants to pay.
#[derive(Clone, Debug)]
pub struct Order {
    /// By which service.
    pub method: PaymentMethod,
    /// Where the browser goes afterwards.
    pub return_url: Option<String>,
    /// Where the fiscal receipt goes.
    pub receipt_email: Option<String>,
    /// The order's name, where its client gave it one.
    pub binding: Option<Binding>,
}

/// What came of an order.
#[derive(Clone, Debug)]
pub enum Ordered {
    /// A payment that is to be confirmed.
    Payment(Box<Payment>),
    /// Nothing is to be paid now: the subscription changes when its cycle ends, or goes on as it was.
    Later(Box<Subscription>),
}

/// What an order is for, and what it costs.
struct Bought {
    kind: PaymentKind,
    item: String,
    tokens: i64,
    price_kopecks: i64,
    credit_kopecks: i64,
    replaces: Option<(SubscriptionId, CycleId)>,
    trade_in: Option<TradeIn>,
}

impl App {
    /// Orders a package.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown package, [`Error::Validation`], [`Error::Payment`] when the service fails.
    pub async fn buy_package(
        &self,
        account_id: AccountId,
        slug: &str,
        order: Order,
    ) -> Result<Payment, Error> {
        let package = self.catalog().packages().iter().find(|package| package.slug == slug);
        let package = package.ok_or(Error::NotFound("package"))?;
        self.check_order(&order)?;
        let bought = Bought {
            kind: PaymentKind::Package,
            item: package.slug.clone(),
            tokens: package.tokens,
            price_kopecks: package.price.saturating_mul(100),
            credit_kopecks: 0,
            replaces: None,
            trade_in: None,
        };
        let payment = self.place(account_id, &order, bought).await?;
        settled(self.advance_payment(payment).await?)
    }

    /// Orders a plan: a first one, a higher one at once, a lower one for the next cycle, or the same one again after it was
    /// canceled or could not be charged.
    ///
    /// # Errors
    /// [`Error::Validation`] when that cannot be had, [`Error::Payment`] when the service fails.
    pub async fn subscribe(&self, account_id: AccountId, plan: &str, order: Order) -> Result<Ordered, Error> {
        let recurring = self.catalog().plans().iter().filter(|plan| plan.recurring);
        let allowed = || recurring.clone().map(|plan| plan.slug.as_str());
        let Some(plan) = recurring.clone().find(|found| found.slug == plan) else {
            return Err(wrong(FieldError::new("plan", "is no plan that can be bought").allowing(allowed())));
        };
        self.check_order(&order)?;
        for _ in 0..MAX_TRIES {
            match Box::pin(self.try_subscribe(account_id, plan, &order)).await {
                Err(Error::Moved) => {}
                outcome => return outcome,
            }
        }
        Err(Error::Moved)
    }

    async fn try_subscribe(
        &self,
        account_id: AccountId,
        plan: &Plan,
        order: &Order,
    ) -> Result<Ordered, Error> {
        let wallet = self.storage().ledger().wallet(account_id).await?;
        let old = self.storage().live_subscription(account_id).await?;
        let Some(old) = old else {
            self.refuse_what_runs(&wallet, plan)?;
            return self.order_plan(account_id, plan, order, None, &wallet).await;
        };
        let is_unpaid = old.status == SubscriptionStatus::PastDue || old.is_method_gone;
        let (rank, old_rank) = (self.rank(&plan.slug), self.rank(&old.plan));
        if old.method == PaymentMethod::TelegramStars {
            self.change_at_end(old, plan).await.map(|later| Ordered::Later(Box::new(later)))
        } else if rank > old_rank || (rank == old_rank && is_unpaid) {
            if order.method == PaymentMethod::TelegramStars {
                let message = format!(
                    "this subscription is paid by yookassa until {}; it can be changed by that, or canceled and begun \
                     anew by telegram_stars when it has ended",
                    old.window.ends_at
                );
                return Err(wrong(FieldError::new("method", message).allowing(["yookassa"])));
            }
            self.order_plan(account_id, plan, order, Some(old), &wallet).await
        } else {
            self.change_at_end(old, plan).await.map(|later| Ordered::Later(Box::new(later)))
        }
    }

    /// A plan that somebody was given, and has not bought, is not lost for a lower one.
    pub(super) fn refuse_what_runs(&self, wallet: &Wallet, plan: &Plan) -> Result<(), Error> {
        let now = self.clock().now();
        let Some(cycle) = wallet.running_cycle(now) else { return Ok(()) };
        if self.rank(&plan.slug) > self.rank(&cycle.plan) {
            return Ok(());
        }
        let message = format!("the account is on {} until {}", cycle.plan, cycle.ends_at);
        Err(wrong(FieldError::new("plan", message)))
    }

    pub(super) fn rank(&self, plan: &str) -> Option<usize> {
        self.catalog().plans().iter().position(|found| found.slug == plan)
    }

    /// Orders a plan that starts when it is paid, in place of `old`.
    async fn order_plan(
        &self,
        account_id: AccountId,
        plan: &Plan,
        order: &Order,
        old: Option<Subscription>,
        wallet: &Wallet,
    ) -> Result<Ordered, Error> {
        let replaces = old.as_ref().map(|old| (old.id, old.cycle_id));
        for open in self.storage().open_payments(account_id).await? {
            if open.kind != PaymentKind::Subscription {
                continue;
            }
            let is_same = (open.item.as_str(), open.method, open.replaces)
                == (plan.slug.as_str(), order.method, replaces);
            self.require_unbound(account_id, order).await?;
            if is_same && open.confirmation_url.is_some() {
                return Ok(Ordered::Payment(Box::new(open)));
            }
            // One order for a plan at a time; what an earlier one set aside is free again.
            let canceled = self.cancel_payment(open, None).await?;
            self.advance_payment(canceled).await?;
            return Err(Error::Moved);
        }
        let (credit_kopecks, trade_in) = match &old {
            Some(old) => self.worth(old, wallet).await?,
            None => (0, None),
        };
        let price_kopecks = plan.price.saturating_mul(100);
        let bought = Bought {
            kind: PaymentKind::Subscription,
            item: plan.slug.clone(),
            tokens: plan.tokens,
            price_kopecks,
            credit_kopecks: credit_kopecks.min(price_kopecks.saturating_sub(LEAST_KOPECKS)),
            replaces,
            trade_in,
        };
        let payment = self.place(account_id, order, bought).await?;
        let payment = self.advance_payment(payment).await?;
        if payment.status == PaymentStatus::Canceled && payment.decline.is_none() {
            return Err(Error::Moved);
        }
        settled(payment).map(|payment| Ordered::Payment(Box::new(payment)))
    }

    /// What a subscription's running cycle is worth, in kopecks, and the tokens that go with that.
    async fn worth(&self, old: &Subscription, wallet: &Wallet) -> Result<(i64, Option<TradeIn>), Error> {
        let now = self.clock().now();
        if now >= old.window.ends_at {
            return Ok((0, None));
        }
        if wallet.running_cycle(now).is_none_or(|cycle| cycle.id != old.cycle_id) {
            // It is paid, and about to be entered: it must not count as worth nothing.
            return Err(Error::Moved);
        }
        let paid = self.storage().payment(old.account_id, old.payment_id).await?;
        let Some(paid) = paid else { return Ok((0, None)) };
        let unused = Unused {
            price_kopecks: old.price.amount_minor.saturating_sub(paid.refunded_minor),
            window: old.window,
            allowance_tokens: paid.tokens,
            free_tokens: wallet.plan_available,
        };
        let trade_in = TradeIn {
            cycle_id: old.cycle_id,
            tokens: wallet.plan_available,
            seen: wallet.seen(Bucket::Plan(old.cycle_id)),
        };
        Ok((unused.worth_kopecks(now), Some(trade_in)))
    }

    /// Writes an order down. The service does not know of it yet.
    async fn place(&self, account_id: AccountId, order: &Order, bought: Bought) -> Result<Payment, Error> {
        let id = PaymentId(self.storage().next_id().await?);
        let is_plan = bought.kind != PaymentKind::Package;
        let subscription_id = SubscriptionId(self.storage().next_id().await?);
        let cycle_id = CycleId(self.storage().next_id().await?);
        let (kind, item) = (bought.kind, bought.item);
        let reference = Reference { account_id, kind, item: item.clone(), cycle_index: 0 }.mint()?;
        // A receipt goes somewhere, or there is none.
        let receipt_email = match &order.receipt_email {
            Some(email) => Some(email.clone()),
            None => self.storage().account(account_id).await?.and_then(|account| account.email),
        };
        let now = self.clock().now();
        let amount = self.price(order.method, bought.price_kopecks.saturating_sub(bought.credit_kopecks));
        let purchase = Purchase { kind, item, tokens: bought.tokens };
        let mut payment = Payment {
            credit_minor: bought.credit_kopecks,
            return_url: Some(self.return_url(order)),
            receipt_email,
            subscription_id: is_plan.then_some(subscription_id),
            cycle_index: is_plan.then_some(0),
            cycle_id: is_plan.then_some(cycle_id),
            replaces: bought.replaces,
            trade_in: bought.trade_in,
            due_at: Some(now.plus_ms(LEASE_MS)),
            ..Payment::new(account_id, id, purchase, order.method, amount, reference, now)
        };
        let write = BillingWrite {
            names: vec![(PaymentName::reference(&payment.reference), account_id, id)],
            new_payments: vec![payment.clone()],
            bindings: order.binding.iter().map(|binding| (account_id, binding.clone(), id)).collect(),
            ..BillingWrite::default()
        };
        self.write(write).await?;
        payment.version += 1;
        Ok(payment)
    }

    /// An amount of roubles as a method charges it; whole Stars, rounded up.
    pub(super) fn price(&self, method: PaymentMethod, price_kopecks: i64) -> Money {
        match method {
            PaymentMethod::Yookassa => Money::kopecks(price_kopecks),
            PaymentMethod::TelegramStars => {
                Money::in_stars(price_kopecks, self.inner.settings.billing.kopecks_per_star)
            }
        }
    }

    fn return_url(&self, order: &Order) -> String {
        order.return_url.clone().unwrap_or_else(|| self.inner.settings.public_url().to_owned())
    }

    fn check_order(&self, order: &Order) -> Result<(), Error> {
        let mut errors = Vec::new();
        if self.gateway(order.method).is_none() {
            let configured = self.inner.gateways.iter().map(|gateway| gateway.method().name());
            let message = "this service does not take it";
            errors.push(FieldError::new("method", message).allowing(configured));
        }
        if let Some(url) = &order.return_url
            && (!is_web_url(url) || url.len() > MAX_RETURN_URL_CHARS)
        {
            let message =
                format!("must be a URL, http or https, of at most {MAX_RETURN_URL_CHARS} characters");
            errors.push(FieldError::new("return_url", message));
        }
        // A receipt leaves this machine, so its address names a host with a dot.
        let is_mail = |email: &String| {
            is_email(email) && email.rsplit('@').next().is_some_and(|host| host.contains('.'))
        };
        if !order.receipt_email.as_ref().is_none_or(is_mail) {
            errors.push(no_email("receipt_email"));
        }
        if errors.is_empty() { Ok(()) } else { Err(Error::Validation(errors)) }
    }
}

/// A payment that can be shown to whoever ordered it: one that the service has.
pub(super) fn settled(payment: Payment) -> Result<Payment, Error> {
    match payment.status {
        PaymentStatus::New | PaymentStatus::Canceled => Err(Error::Payment {
            payment_id: payment.id,
            method: payment.method,
            is_known: payment.status == PaymentStatus::Canceled,
        }),
        _ => Ok(payment),
    }
}

/// Whether a browser can be sent there. A service that cannot read the address rejects the whole order.
pub(crate) fn is_web_url(url: &str) -> bool {
    let uri = url.parse::<Uri>();
    uri.is_ok_and(|uri| {
        matches!(uri.scheme_str(), Some("https" | "http")) && uri.host().is_some_and(|host| !host.is_empty())
    })
}

fn wrong(field: FieldError) -> Error {
    Error::Validation(vec![field])
}
