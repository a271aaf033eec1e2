//! The payment service for roubles, played: its books, its payers, and its faults.

use super::points::Points;
use domain::{
    billing::Money,
    port::{
        Charge, Decline, GatewayError, GatewayErrorKind, GatewayPayment, GatewayPaymentStatus, GatewayRecord,
        GatewayRefund, GatewayRefundStatus, Notification, NotificationError, PaymentGateway, PaymentMethod,
        PaymentOrder, RefundOrder,
    },
    time::{DAY_MS, Timestamp},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};
use storage::Moment;
use testkit::ManualClock;

/// What becomes of the next request that moves money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It is not taken.
    NotTaken,
    /// It is not taken, and nobody says so.
    Lost,
    /// It is taken, and nobody says so.
    Mute,
    /// It is refused for good.
    Rejected,
}

/// What becomes of charges without the payer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purse {
    Full,
    Empty,
    Gone,
}

/// A payment in the service's books.
#[derive(Clone, Debug)]
pub struct Entered {
    pub id: String,
    pub reference: String,
    pub amount: Money,
    pub status: GatewayPaymentStatus,
    pub refunded: i64,
    pub is_saved: bool,
    /// Whether it was charged without its payer.
    pub is_charge: bool,
    pub created_at: Timestamp,
    pub paid_at: Option<Timestamp>,
}

#[derive(Default)]
struct Books {
    payments: Vec<Entered>,
    refunds: Vec<(GatewayRefund, Timestamp)>,
    by_reference: BTreeMap<String, usize>,
    fault: Option<Fault>,
    /// By saved method.
    purses: BTreeMap<String, Purse>,
}

/// The service.
pub struct Till {
    points: Arc<Points>,
    clock: Arc<ManualClock>,
    books: Mutex<Books>,
}

impl Till {
    pub fn new(points: Arc<Points>, clock: Arc<ManualClock>) -> Self {
        Self { points, clock, books: Mutex::default() }
    }

    /// Says what becomes of the next request that moves money.
    pub fn break_next(&self, fault: Option<Fault>) {
        self.books().fault = fault;
    }

    /// Says what becomes of further charges of whoever has paid by that method.
    pub fn set_purse(&self, saved_method_id: &str, purse: Purse) {
        self.books().purses.insert(saved_method_id.to_owned(), purse);
    }

    /// A payment by our reference.
    pub fn by_reference(&self, reference: &str) -> Option<Entered> {
        let books = self.books();
        books.by_reference.get(reference).map(|place| books.payments[*place].clone())
    }

    /// What went back of a payment.
    pub fn refunds_of(&self, id: &str) -> Vec<GatewayRefund> {
        let books = self.books();
        let own = books.refunds.iter().filter(|(refund, _)| refund.payment_gateway_id == id);
        own.map(|(refund, _)| refund.clone()).collect()
    }

    /// Its payer pays, if that can still be done. Says whether the money came.
    pub fn pay(&self, reference: &str, is_saved: bool) -> bool {
        let now = self.now();
        let mut books = self.books();
        let Some(place) = books.by_reference.get(reference).copied() else { return false };
        let entered = &mut books.payments[place];
        if entered.status != GatewayPaymentStatus::Pending {
            return false;
        }
        if now.ms_since(entered.created_at) >= DAY_MS {
            entered.status = GatewayPaymentStatus::Canceled(Decline::NotConfirmed);
            return false;
        }
        entered.status = GatewayPaymentStatus::Succeeded;
        (entered.is_saved, entered.paid_at) = (is_saved, Some(now));
        true
    }

    /// Its payer turns away.
    pub fn leave(&self, reference: &str) {
        let mut books = self.books();
        let Some(place) = books.by_reference.get(reference).copied() else { return };
        let entered = &mut books.payments[place];
        if entered.status == GatewayPaymentStatus::Pending {
            entered.status = GatewayPaymentStatus::Canceled(Decline::NotConfirmed);
        }
    }

    /// Gives money back without our asking; its id, if there was any left.
    pub fn take_back(&self, id: &str, amount_minor: i64) -> Option<String> {
        let now = self.now();
        let mut books = self.books();
        let count = books.refunds.len();
        let entered = books.payments.iter_mut().find(|entered| entered.id == id)?;
        let left = entered.amount.amount_minor - entered.refunded;
        let amount_minor = amount_minor.min(left);
        if amount_minor <= 0 || entered.status != GatewayPaymentStatus::Succeeded {
            return None;
        }
        entered.refunded += amount_minor;
        let refund = GatewayRefund {
            gateway_id: Some(format!("back-{count}")),
            reference: None,
            payment_gateway_id: id.to_owned(),
            amount: Money { amount_minor, ..entered.amount },
            status: GatewayRefundStatus::Succeeded,
        };
        let refund_id = refund.gateway_id.clone();
        books.refunds.push((refund, now));
        refund_id
    }

    fn now(&self) -> Timestamp {
        domain::port::Clock::now(&*self.clock)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// Does `work` unless a fault strikes, which strikes once.
    fn unless_broken<T>(&self, work: impl FnOnce(&mut Books) -> T) -> Result<T, GatewayError> {
        let mut books = self.books();
        let error = |kind| Err(GatewayError::new(kind, "as it was told to"));
        match books.fault.take() {
            None => Ok(work(&mut books)),
            Some(Fault::NotTaken) => error(GatewayErrorKind::NotTaken),
            Some(Fault::Lost) => error(GatewayErrorKind::OutcomeUnknown),
            Some(Fault::Rejected) => error(GatewayErrorKind::Rejected),
            Some(Fault::Mute) => {
                work(&mut books);
                error(GatewayErrorKind::OutcomeUnknown)
            }
        }
    }
}

impl Books {
    /// The same order again is the same payment.
    fn enter(&mut self, order: &PaymentOrder, now: Timestamp) -> GatewayPayment {
        if let Some(place) = self.by_reference.get(&order.reference) {
            return self.payments[*place].shown();
        }
        let status = match &order.charge {
            Charge::Once | Charge::Recurring => GatewayPaymentStatus::Pending,
            Charge::Saved { saved_method_id } => match self.purses.get(saved_method_id) {
                None | Some(Purse::Full) => GatewayPaymentStatus::Succeeded,
                Some(Purse::Empty) => GatewayPaymentStatus::Canceled(Decline::Passing),
                Some(Purse::Gone) => GatewayPaymentStatus::Canceled(Decline::MethodGone),
            },
        };
        let entered = Entered {
            id: format!("pay-{}", self.payments.len()),
            reference: order.reference.clone(),
            amount: order.amount,
            status,
            refunded: 0,
            is_saved: false,
            is_charge: matches!(order.charge, Charge::Saved { .. }),
            created_at: now,
            paid_at: (status == GatewayPaymentStatus::Succeeded).then_some(now),
        };
        let shown = entered.shown();
        self.by_reference.insert(order.reference.clone(), self.payments.len());
        self.payments.push(entered);
        shown
    }

    fn enter_refund(&mut self, order: &RefundOrder, now: Timestamp) -> Result<GatewayRefund, GatewayError> {
        let known =
            self.refunds.iter().find(|(refund, _)| refund.reference.as_ref() == Some(&order.reference));
        if let Some((refund, _)) = known {
            return Ok(refund.clone());
        }
        let count = self.refunds.len();
        let entered = self.payments.iter_mut().find(|entered| entered.id == order.gateway_id);
        let entered = entered.filter(|entered| {
            entered.status == GatewayPaymentStatus::Succeeded
                && entered.refunded + order.amount.amount_minor <= entered.amount.amount_minor
        });
        let Some(entered) = entered else {
            return Err(GatewayError::new(GatewayErrorKind::Rejected, "so much is not there"));
        };
        entered.refunded += order.amount.amount_minor;
        let refund = GatewayRefund {
            gateway_id: Some(format!("back-{count}")),
            reference: Some(order.reference.clone()),
            payment_gateway_id: order.gateway_id.clone(),
            amount: order.amount,
            status: GatewayRefundStatus::Succeeded,
        };
        self.refunds.push((refund.clone(), now));
        Ok(refund)
    }
}

impl Entered {
    /// What is saved of the method is known by its first payment.
    pub fn saved_method_id(&self) -> Option<String> {
        self.is_saved.then(|| format!("method-of-{}", self.id))
    }

    fn shown(&self) -> GatewayPayment {
        GatewayPayment {
            gateway_id: Some(self.id.clone()),
            reference: Some(self.reference.clone()),
            status: self.status,
            amount: self.amount,
            refunded: Money { amount_minor: self.refunded, ..self.amount },
            confirmation_url: (!self.is_charge).then(|| format!("https://till.example/{}", self.id)),
            saved_method_id: self.saved_method_id(),
            payer_id: None,
            paid_at: self.paid_at,
            paid_until: None,
        }
    }
}

#[async_trait::async_trait]
impl PaymentGateway for Till {
    fn method(&self) -> PaymentMethod {
        PaymentMethod::Yookassa
    }

    async fn create(&self, order: &PaymentOrder) -> Result<GatewayPayment, GatewayError> {
        self.points.reach("till.create", Moment::Before).await;
        let now = self.now();
        let created = self.unless_broken(|books| books.enter(order, now));
        self.points.reach("till.create", Moment::After).await;
        created
    }

    async fn payment(&self, gateway_id: &str) -> Result<GatewayPayment, GatewayError> {
        self.points.reach("till.payment", Moment::Before).await;
        let found = self.books().payments.iter().find(|entered| entered.id == gateway_id).map(Entered::shown);
        self.points.reach("till.payment", Moment::After).await;
        found.ok_or_else(|| GatewayError::new(GatewayErrorKind::NotFound, "no such payment"))
    }

    async fn refund(&self, order: &RefundOrder) -> Result<GatewayRefund, GatewayError> {
        self.points.reach("till.refund", Moment::Before).await;
        let now = self.now();
        let refunded = self.unless_broken(|books| books.enter_refund(order, now)).and_then(|done| done);
        self.points.reach("till.refund", Moment::After).await;
        refunded
    }

    async fn refund_status(&self, gateway_id: &str, _: &str) -> Result<GatewayRefund, GatewayError> {
        self.points.reach("till.refund_status", Moment::Before).await;
        let known = |refund: &&(GatewayRefund, Timestamp)| refund.0.gateway_id.as_deref() == Some(gateway_id);
        let found = self.books().refunds.iter().find(known).map(|(refund, _)| refund.clone());
        self.points.reach("till.refund_status", Moment::After).await;
        found.ok_or_else(|| GatewayError::new(GatewayErrorKind::NotFound, "no such refund"))
    }

    async fn set_renewal(&self, _: &str, _: &str, _: bool) -> Result<(), GatewayError> {
        Ok(())
    }

    async fn records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<GatewayRecord>, GatewayError> {
        self.points.reach("till.records", Moment::Before).await;
        let records = {
            let books = self.books();
            let falls_in = |at: Timestamp| from <= at && at < to;
            let payments = books.payments.iter().filter(|entered| falls_in(entered.created_at));
            let refunds = books.refunds.iter().filter(|(_, at)| falls_in(*at));
            payments
                .map(|entered| GatewayRecord::Payment(entered.shown()))
                .chain(refunds.map(|(refund, _)| GatewayRecord::Refund(refund.clone())))
                .collect()
        };
        self.points.reach("till.records", Moment::After).await;
        Ok(records)
    }

    fn proof_header(&self) -> Option<&'static str> {
        None
    }

    /// `payment ID REFERENCE` or `refund ID PAYMENT`.
    fn read_notification(&self, _: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError> {
        let text = String::from_utf8_lossy(body).into_owned();
        let words: Vec<&str> = text.split(' ').collect();
        match words.as_slice() {
            ["payment", id, reference] => Ok(Notification::PaymentMoved {
                gateway_id: (*id).to_owned(),
                reference: Some((*reference).to_owned()),
            }),
            ["refund", id, payment] => Ok(Notification::RefundMoved {
                gateway_id: (*id).to_owned(),
                payment_gateway_id: (*payment).to_owned(),
            }),
            _ => Err(NotificationError::Malformed("no words of ours".to_owned())),
        }
    }

    async fn answer_pre_checkout(&self, _: &str, _: Option<&str>) -> Result<(), GatewayError> {
        Ok(())
    }
}
