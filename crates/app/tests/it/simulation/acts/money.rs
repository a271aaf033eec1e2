//! Ordering, paying, changing one's mind, and money that goes back.

use crate::simulation::{
    driver::Simulation,
    model::{
        Doing,
        prices::{PACKAGES, PLANS},
    },
    rows::Row,
    till::{Fault, Purse},
};
use app::{Error, Order, Ordered};
use domain::{
    id::{AccountId, PaymentId},
    port::{GatewayPaymentStatus, PaymentMethod},
};
use rand::RngExt;

fn by_roubles() -> Order {
    Order { method: PaymentMethod::Yookassa, return_url: None, receipt_email: None, binding: None }
}

impl Simulation {
    /// Now and then the next request that moves money goes wrong.
    fn draw_fault(&mut self) -> Option<Fault> {
        let fault = match self.rng.random_range(0..100) {
            0..4 => Some(Fault::NotTaken),
            4..8 => Some(Fault::Lost),
            8..12 => Some(Fault::Mute),
            12..14 => Some(Fault::Rejected),
            _ => None,
        };
        self.world.till.break_next(fault);
        fault
    }

    pub fn order_package(&mut self) {
        let id = self.pick_account();
        let slug = PACKAGES[self.rng.random_range(0..PACKAGES.len())].0;
        let fault = self.draw_fault();
        let app = self.app();
        let mut doing = Doing { account: id, orders: Some(("package", slug.to_owned())), ..Doing::default() };
        let ordered =
            self.attempt(&mut doing, async move { app.buy_package(AccountId(id), slug, by_roubles()).await });
        self.world.till.break_next(None);
        self.look(&doing);
        let is_right = match &ordered {
            None => true,
            Some(Ok(payment)) => payment.confirmation_url.is_some(),
            Some(Err(Error::Payment { .. })) => fault.is_some(),
            Some(Err(_)) => false,
        };
        if !is_right {
            self.assert(vec![format!("a package came to {ordered:?}")], &doing);
        }
    }

    pub fn order_plan(&mut self) {
        let id = self.pick_account();
        let slug = PLANS[self.rng.random_range(1..PLANS.len())].slug;
        let fault = self.draw_fault();
        let account = &self.model.accounts[&id];
        let must = account.foresee_plan(self.now_ms(), slug);
        let is_moving = account.has_money_under_way(&self.world);
        let is_later = must == Some("later");
        let wishes = is_later.then(|| (false, account.next_for(slug)));
        let orders = Some(("subscription", slug.to_owned()));
        let app = self.app();
        let mut doing = Doing { account: id, orders, wishes, ..Doing::default() };
        let ordered =
            self.attempt(&mut doing, async move { app.subscribe(AccountId(id), slug, by_roubles()).await });
        self.world.till.break_next(None);
        let came = match &ordered {
            None => None,
            Some(Ok(Ordered::Payment(_))) => Some("payment"),
            Some(Ok(Ordered::Later(_))) => Some("later"),
            Some(Err(Error::Validation(_))) => Some("refused"),
            Some(Err(Error::Payment { .. })) if fault.is_some() => Some("payment"),
            Some(Err(_)) => Some("moved"),
        };
        doing.is_done = came == Some("later");
        if let (Some(Ok(Ordered::Later(subscription))), true) = (&ordered, is_moving) {
            // It has only just begun.
            let next = (subscription.plan != slug).then(|| slug.to_owned());
            doing.wishes = doing.wishes.or(Some((false, next)));
        } else if doing.died && is_moving {
            doing.wishes = doing.wishes.or(Some((false, Some(slug.to_owned()))));
        }
        self.look(&doing);
        if let Some(came) = came {
            self.report.count(format!("plan: {came}"));
            if must.is_some_and(|must| must != came) && !is_moving {
                self.assert(vec![format!("an order of {slug} came to {came}: {ordered:?}")], &doing);
            }
        }
    }

    /// Payments that somebody can confirm.
    fn open_orders(&self) -> Vec<Row> {
        let all = self.model.accounts.values().flat_map(|account| account.books.payments.values());
        all.filter(|row| {
            let entered = self.world.till.by_reference(row.text("reference"));
            entered.is_some_and(|entered| {
                // Nobody goes to a page that was not shown.
                entered.status == GatewayPaymentStatus::Pending && !row.text("confirmation_url").is_empty()
            })
        })
        .cloned()
        .collect()
    }

    pub fn pay(&mut self) {
        let Some(row) = self.pick(&self.open_orders()) else { return };
        let saves = self.rng.random_bool(0.85);
        if self.world.till.pay(row.text("reference"), saves) {
            self.report.count("paid");
        }
        self.post_payment(&row);
    }

    pub fn leave_payment(&mut self) {
        let Some(row) = self.pick(&self.open_orders()) else { return };
        self.world.till.leave(row.text("reference"));
        self.post_payment(&row);
    }

    fn post_payment(&mut self, row: &Row) {
        if let Some(entered) = self.world.till.by_reference(row.text("reference")) {
            self.post.push(format!("payment {} {}", entered.id, entered.reference));
        }
    }

    /// A message comes: in any order, twice, of somebody else's payment, or a lie.
    pub fn hear(&mut self) {
        let kind = self.rng.random_range(0..100);
        let message = match kind {
            0..6 => "payment pay-0 4.p0.start.000000000000000000000000".to_owned(),
            6..12 => match self.pick(&self.open_orders()) {
                Some(row) => format!("payment {} {}", row.text("gateway_id"), row.text("reference")),
                None => return,
            },
            _ => match self.pick(&self.post.clone()) {
                Some(message) => message,
                None => return,
            },
        };
        let app = self.app();
        let body = message.clone();
        let mut doing = Doing { hears: true, ..Doing::default() };
        let heard = self.attempt(&mut doing, async move {
            app.take_notification(PaymentMethod::Yookassa, None, body.as_bytes()).await
        });
        self.look(&doing);
        // Lost on the way, or come through; some come again.
        if self.rng.random_bool(0.8) && (heard.is_none() || heard.as_ref().is_some_and(Result::is_ok)) {
            self.post.retain(|known| *known != message);
        }
    }

    pub fn change_subscription(&mut self, ends: bool) {
        let id = self.pick_account();
        let account = &self.model.accounts[&id];
        let live = account.books.live.clone();
        let next = live.as_ref().filter(|_| !ends).and_then(|live| account.next_for(&live.plan));
        let app = self.app();
        let mut doing = Doing { account: id, wishes: Some((ends, next)), ..Doing::default() };
        let changed = self.attempt(&mut doing, async move {
            if ends {
                app.cancel_subscription(AccountId(id)).await
            } else {
                app.resume_subscription(AccountId(id)).await
            }
        });
        doing.is_done = matches!(changed, Some(Ok(_)));
        self.look(&doing);
        let is_right = match &changed {
            None => true,
            Some(Ok(_)) => live.is_some(),
            Some(Err(Error::NotFound(_))) => live.is_none(),
            Some(Err(_)) => false,
        };
        if !is_right {
            self.assert(vec![format!("a change came to {changed:?}, with {live:?}")], &doing);
        }
    }

    fn succeeded(&mut self) -> Option<Row> {
        let all = self.model.accounts.values().flat_map(|account| account.books.payments.values());
        let done: Vec<Row> = all.filter(|row| row.text("status") == "succeeded").cloned().collect();
        self.pick(&done)
    }

    pub fn refund_payment(&mut self) {
        let Some(row) = self.succeeded() else { return };
        if self.draw_fault().is_none() && self.rng.random_bool(0.2) {
            self.world.till.break_next(Some(Fault::Rejected));
        }
        let (id, app) = (row.number("id"), self.app());
        let mut doing = Doing { account: row.number("account_id"), refunds: Some(id), ..Doing::default() };
        let refunded =
            self.attempt(&mut doing, async move { app.refund_payment(PaymentId(id), "they asked").await });
        self.world.till.break_next(None);
        self.look(&doing);
        match refunded {
            Some(Ok(_)) => self.report.count("refunded"),
            Some(Err(_)) => self.report.count("not refunded"),
            None => {}
        }
    }

    /// The service takes money back without us.
    pub fn charge_back(&mut self) {
        let Some(row) = self.succeeded() else { return };
        let amount = row.number("amount_minor");
        let amount = if self.rng.random_bool(0.3) { self.rng.random_range(1..=amount) } else { amount };
        let id = row.text("gateway_id");
        if let Some(refund_id) = self.world.till.take_back(id, amount) {
            self.post.push(format!("refund {refund_id} {id}"));
            self.report.count("charged back");
        }
    }

    /// Whoever pays cannot any more, or can again.
    pub fn empty_purse(&mut self) {
        let Some(row) = self.succeeded() else { return };
        let saved =
            self.world.till.by_reference(row.text("reference")).and_then(|paid| paid.saved_method_id());
        let purses = [Purse::Full, Purse::Empty, Purse::Gone];
        let purse = purses[self.rng.random_range(0..purses.len())];
        if let Some(saved) = saved {
            self.world.till.set_purse(&saved, purse);
        }
    }
}
