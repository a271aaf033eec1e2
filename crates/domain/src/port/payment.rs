//! Payment services.

use crate::{
    billing::Money,
    id::{AccountId, PaymentId, RefundId},
    time::Timestamp,
};

/// How people pay.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PaymentMethod {
    /// Cards and SBP in roubles, at `YooKassa`. Renewals are charged by us.
    Yookassa,
    /// Telegram Stars. Renewals are charged by Telegram itself.
    TelegramStars,
}

impl PaymentMethod {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Yookassa, Self::TelegramStars];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Yookassa => "yookassa",
            Self::TelegramStars => "telegram_stars",
        }
    }

    /// The method of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.name() == name)
    }
}

/// A payment to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentOrder {
    /// Our number of it.
    pub payment_id: PaymentId,
    /// Who pays.
    pub account_id: AccountId,
    /// What the service shall know it by: unguessable, never used twice, at most 64 of `0-9a-zA-Z-_.`. It makes a repeat of the same order
    /// harmless where the service can see to that, and is how a payment is found whose answer was lost.
    pub reference: String,
    /// How much.
    pub amount: Money,
    /// What is bought, for people: at most 32 characters.
    pub title: String,
    /// The same at more length: at most 128 characters.
    pub description: String,
    /// How it is charged.
    pub charge: Charge,
    /// Where the payer's browser goes afterwards.
    pub return_url: Option<String>,
    /// Where the fiscal receipt goes.
    pub receipt_email: Option<String>,
}

/// How a payment is charged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Charge {
    /// The payer confirms it, once.
    Once,
    /// The payer confirms it, and with it further ones: the method is saved for our own renewals, or the service renews by
    /// itself.
    Recurring,
    /// Without the payer, by a method that was saved.
    Saved {
        /// The service's id of it.
        saved_method_id: String,
    },
}

/// A payment as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayPayment {
    /// The service's id of it. An invoice that nobody has paid may have none.
    pub gateway_id: Option<String>,
    /// Our reference, where the service tells it.
    pub reference: Option<String>,
    /// How far it is.
    pub status: GatewayPaymentStatus,
    /// How much.
    pub amount: Money,
    /// How much of it went back.
    pub refunded: Money,
    /// Where the payer confirms it.
    pub confirmation_url: Option<String>,
    /// What renewals are charged by, where the payer let it be saved.
    pub saved_method_id: Option<String>,
    /// The service's id of who paid.
    pub payer_id: Option<String>,
    /// When the money came, where the service tells it.
    pub paid_at: Option<Timestamp>,
    /// Where the service sets the period: the instant to which it is paid.
    pub paid_until: Option<Timestamp>,
}

/// How far a payment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayPaymentStatus {
    /// Nobody knows yet.
    Pending,
    /// The money is ours.
    Succeeded,
    /// It is not, and will not be.
    Canceled(Decline),
}

/// Why a payment did not succeed, by what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decline {
    /// It may succeed another day.
    Passing,
    /// The method will never work again: another one is needed.
    MethodGone,
    /// Trying again would make it worse; the payer must speak to the bank.
    Refused,
    /// The payer did not confirm it.
    NotConfirmed,
}

impl Decline {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Passing, Self::MethodGone, Self::Refused, Self::NotConfirmed];

    /// Its name in the API and the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Passing => "declined",
            Self::MethodGone => "method_gone",
            Self::Refused => "refused",
            Self::NotConfirmed => "not_confirmed",
        }
    }

    /// The decline of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decline| decline.name() == name)
    }
}

/// Money to be given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundOrder {
    /// Our number of it.
    pub refund_id: RefundId,
    /// What the service shall know it by, as [`PaymentOrder::reference`].
    pub reference: String,
    /// The service's id of the payment.
    pub gateway_id: String,
    /// The service's id of who paid, where it has one.
    pub payer_id: Option<String>,
    /// How much; at most what was paid and has not gone back.
    pub amount: Money,
    /// Why, for people: at most 250 characters.
    pub description: String,
    /// Where the fiscal receipt goes.
    pub receipt_email: Option<String>,
}

/// How far a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayRefundStatus {
    /// Nobody knows yet.
    Pending,
    /// The money has gone back.
    Succeeded,
    /// It has not, and will not.
    Canceled,
}

/// A refund as the service has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GatewayRefund {
    /// The service's id of it; Telegram has none of its own.
    pub gateway_id: Option<String>,
    /// Our reference, where the service tells it.
    pub reference: Option<String>,
    /// The service's id of the payment.
    pub payment_gateway_id: String,
    /// How much.
    pub amount: Money,
    /// How far it is.
    pub status: GatewayRefundStatus,
}

/// What a payment service tells us of its own accord.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A payment may have moved. Nothing in the message is believed: read the payment back.
    PaymentMoved {
        /// The service's id of the payment.
        gateway_id: String,
        /// Our reference, where the message has one.
        reference: Option<String>,
    },
    /// A refund may have moved; as above.
    RefundMoved {
        /// The service's id of the refund.
        gateway_id: String,
        /// The service's id of the payment.
        payment_gateway_id: String,
    },
    /// The service wants to know, within 10 s, whether this payment may go on.
    PreCheckout {
        /// What to answer to.
        query_id: String,
        /// Our reference.
        reference: String,
        /// How much.
        amount: Money,
        /// The service's id of who pays.
        payer_id: String,
    },
    /// Money has come. The message is proven to be the service's own, which cannot be asked.
    Paid(GatewayPayment),
    /// Money has gone back, by us or by the service. Proven as above.
    Refunded(GatewayRefund),
    /// Nothing that concerns us.
    Other,
}

/// Why a message is not believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotificationError {
    /// It does not prove that it is the service's.
    #[error("the message does not prove where it comes from")]
    Forged,
    /// It is not in the service's form.
    #[error("the message has not the service's form: {0}")]
    Malformed(String),
}

/// What went wrong at a payment service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GatewayErrorKind {
    /// Nobody knows whether it happened: no answer, a broken one, or the service's own trouble.
    OutcomeUnknown,
    /// Nothing happened: the service has too much to do, or was not reached.
    NotTaken,
    /// Nothing happened: the service took the request for wrong.
    Rejected,
    /// Nothing happened: our shop id, token or key is refused.
    BadKey,
    /// The service does not know what was asked for.
    NotFound,
    /// There is no shop id, token or key.
    NotConfigured,
}

/// Why a payment service did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?}: {message}")]
pub struct GatewayError {
    /// What kind of trouble.
    pub kind: GatewayErrorKind,
    /// For operators: what the service said, shortened, without secrets. Clients do not see it.
    pub message: String,
}

impl GatewayError {
    /// An error.
    pub fn new(kind: GatewayErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// A movement of money as the service's own books have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayRecord {
    /// A payment, whatever became of it.
    Payment(GatewayPayment),
    /// A refund.
    Refund(GatewayRefund),
}

/// One payment service.
#[async_trait::async_trait]
pub trait PaymentGateway: Send + Sync + 'static {
    /// Which it is.
    fn method(&self) -> PaymentMethod;

    /// Asks for a payment. The same order again, within a day, is the same payment where the service can tell.
    ///
    /// # Errors
    /// `OutcomeUnknown`: the payment may exist. Any other kind: it does not.
    async fn create(&self, order: &PaymentOrder) -> Result<GatewayPayment, GatewayError>;

    /// Reads a payment back.
    ///
    /// # Errors
    /// `NotFound`, or trouble with asking; that says nothing about the payment.
    async fn payment(&self, gateway_id: &str) -> Result<GatewayPayment, GatewayError>;

    /// Gives money back. As [`Self::create`].
    ///
    /// # Errors
    /// As [`Self::create`].
    async fn refund(&self, order: &RefundOrder) -> Result<GatewayRefund, GatewayError>;

    /// Reads a refund back, by its own id and its payment's.
    ///
    /// # Errors
    /// As [`Self::payment`].
    async fn refund_status(
        &self,
        gateway_id: &str,
        payment_gateway_id: &str,
    ) -> Result<GatewayRefund, GatewayError>;

    /// Tells a service that renews by itself to stop (`renews` false), or to go on again. Others have nothing to do.
    ///
    /// # Errors
    /// As [`Self::payment`]; a repeat is harmless.
    async fn set_renewal(&self, payer_id: &str, gateway_id: &str, renews: bool) -> Result<(), GatewayError>;

    /// Everything that the service has entered from `from` to just before `to`, in no particular order.
    ///
    /// # Errors
    /// As [`Self::payment`]; nothing is said then of any of it.
    async fn records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<GatewayRecord>, GatewayError>;

    /// The header by which the service's messages prove where they come from, where they do.
    fn proof_header(&self) -> Option<&'static str>;

    /// Reads a message that came in the service's name, with `proof`, the value of that header. Pure.
    ///
    /// # Errors
    /// A [`NotificationError`]; nothing in the message counts then.
    fn read_notification(&self, proof: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError>;

    /// Answers [`Notification::PreCheckout`]: go on, or why not.
    ///
    /// # Errors
    /// As [`Self::payment`].
    async fn answer_pre_checkout(&self, query_id: &str, refusal: Option<&str>) -> Result<(), GatewayError>;
}
