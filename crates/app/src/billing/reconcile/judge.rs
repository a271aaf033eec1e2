//! What a payment in a service's books means beside ours.

use super::{
    Comparing, Finding, FindingKind,
    adopt::Adoption,
    finding::{of_payment, of_unknown},
};
use crate::{Error, billing::reference::Reference};
use domain::{
    billing::{Payment, PaymentKind, PaymentStatus},
    port::{GatewayPayment, GatewayPaymentStatus, GatewayRefund, PaymentMethod},
};
use storage::PaymentName;

/// A finding, and how it is put right, where it can be.
pub(super) struct Judged {
    pub(super) finding: Finding,
    pub(super) remedy: Option<Remedy>,
}

/// How something is put right.
pub(super) enum Remedy {
    /// Our payment is as the service says.
    TakeOver(Box<Payment>, Box<GatewayPayment>),
    /// The payment is entered in our books.
    Adopt(Box<Adoption>),
    /// Another payment of an order that Telegram was paid for before.
    TakePeriod(Box<GatewayPayment>),
    /// The refund is as the service says.
    TakeRefund(GatewayRefund),
}

impl Comparing<'_> {
    pub(super) async fn judge_payment(&self, found: &GatewayPayment) -> Result<Option<Judged>, Error> {
        // What nobody has paid may have no id, and is nothing to compare.
        let Some(gateway_id) = &found.gateway_id else { return Ok(None) };
        let storage = self.app.storage();
        let by_id = storage.payment_by_name(&PaymentName::gateway(self.method(), gateway_id)).await?;
        if let Some(ours) = by_id {
            return Ok(judge_known(ours, found));
        }
        // A shop may sell more than what we sell.
        let Some(reference) = &found.reference else { return Ok(None) };
        match storage.payment_by_name(&PaymentName::reference(reference)).await? {
            Some(ours) if ours.gateway_id.is_none() => Ok(judge_known(ours, found)),
            Some(ours) => Ok(judge_second(&ours, found)),
            None => match Reference::parse(reference) {
                Some(meant) => self.judge_lost(found, meant).await,
                None => Ok(None),
            },
        }
    }

    /// A payment under a reference that we mint, and do not know.
    async fn judge_lost(&self, found: &GatewayPayment, meant: Reference) -> Result<Option<Judged>, Error> {
        if found.status != GatewayPaymentStatus::Succeeded || has_gone_back(found) {
            return Ok(None);
        }
        let account_id = meant.account_id;
        let (method, kind) = (self.method(), meant.kind.name());
        let text = format!("{} {} for {kind} {}", found.amount, found.amount.currency.code(), meant.item);
        let is_plan = meant.kind != PaymentKind::Package;
        if is_plan && self.blocked.contains(&account_id) {
            let text = format!("{text}: an earlier payment of this account waits for a person");
            let finding = of_unknown(FindingKind::NotAdoptable, method, account_id, found, text);
            return Ok(Some(Judged { finding, remedy: None }));
        }
        if is_plan && self.promised.contains(&account_id) {
            // Nothing is applied, so it cannot be said yet.
            let text = format!("{text}, if it fits when those before it are taken in");
            let finding = of_unknown(FindingKind::Lost, method, account_id, found, text);
            return Ok(Some(Judged { finding, remedy: None }));
        }
        Ok(Some(match self.app.plan_adoption(method, found, meant).await? {
            Ok(adoption) => Judged {
                finding: of_unknown(FindingKind::Lost, method, account_id, found, text),
                remedy: Some(Remedy::Adopt(Box::new(adoption))),
            },
            Err(why) => {
                let text = format!("{text}: {why}");
                let finding = of_unknown(FindingKind::NotAdoptable, method, account_id, found, text);
                Judged { finding, remedy: None }
            }
        }))
    }
}

/// A payment that is ours.
fn judge_known(ours: Payment, found: &GatewayPayment) -> Option<Judged> {
    let says = |theirs: &str| format!("{} with us, {theirs} with the service", ours.status.name());
    let is_canceled = ours.status == PaymentStatus::Canceled;
    let is_paid =
        matches!(ours.status, PaymentStatus::Paid | PaymentStatus::Applying | PaymentStatus::Succeeded);
    let for_person = |kind, text| Some(Judged { finding: of_payment(kind, &ours, text), remedy: None });
    match found.status {
        GatewayPaymentStatus::Succeeded if found.amount != ours.amount => {
            let text = format!("{} with us, {} with the service", ours.amount, found.amount);
            for_person(FindingKind::OtherAmount, text)
        }
        // It came, and went back: nothing is left of it.
        GatewayPaymentStatus::Succeeded if is_canceled && has_gone_back(found) => None,
        GatewayPaymentStatus::Succeeded if is_canceled || ours.is_open() => take_over(ours, found, "paid"),
        GatewayPaymentStatus::Canceled(_) if is_paid => for_person(FindingKind::NotPaid, says("canceled")),
        GatewayPaymentStatus::Pending if is_paid => for_person(FindingKind::NotPaid, says("pending")),
        // Workers ask after what is open, unless it waits for a person.
        GatewayPaymentStatus::Canceled(_) if ours.is_open() && ours.attention.is_some() => {
            take_over(ours, found, "canceled")
        }
        _ => None,
    }
}

fn take_over(ours: Payment, found: &GatewayPayment, theirs: &str) -> Option<Judged> {
    let text = format!("{} with us, {theirs} with the service", ours.status.name());
    let finding = of_payment(FindingKind::Ended, &ours, text);
    Some(Judged { finding, remedy: Some(Remedy::TakeOver(Box::new(ours), Box::new(found.clone()))) })
}

/// Another payment for an order of ours that has one.
fn judge_second(ours: &Payment, found: &GatewayPayment) -> Option<Judged> {
    if found.status != GatewayPaymentStatus::Succeeded || has_gone_back(found) {
        return None;
    }
    let theirs = found.gateway_id.clone();
    let text = format!("{} {} under the same reference", found.amount, found.amount.currency.code());
    if ours.method == PaymentMethod::TelegramStars {
        let finding = Finding { gateway_id: theirs, ..of_payment(FindingKind::Further, ours, text) };
        return Some(Judged { finding, remedy: Some(Remedy::TakePeriod(Box::new(found.clone()))) });
    }
    let finding = Finding { gateway_id: theirs, ..of_payment(FindingKind::PaidTwice, ours, text) };
    Some(Judged { finding, remedy: None })
}

/// Whether nothing is left of the money.
fn has_gone_back(found: &GatewayPayment) -> bool {
    found.refunded.amount_minor >= found.amount.amount_minor
}
