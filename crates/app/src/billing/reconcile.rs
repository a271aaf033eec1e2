//! Comparing the books of payment services with ours: every day, and after a restore from a backup. Told in
//! `docs/billing.md`.
//!
//! What follows from the rules is put right; what does not is left for a person. Each step is guarded like everybody else's,
//! so this may run beside workers, and again.

mod adopt;
mod daily;
mod finding;
mod judge;
mod refunds;

pub use finding::{Books, Finding, FindingKind, Outcome, Reconciliation};

use crate::{App, Error};
use domain::{
    billing::PaymentStatus,
    id::AccountId,
    params::FieldError,
    port::{GatewayErrorKind, GatewayPayment, GatewayRecord, GatewayRefund, PaymentGateway, PaymentMethod},
    time::Timestamp,
};
use judge::{Judged, Remedy};
use std::collections::BTreeSet;

/// How often something is looked at again that others take further meanwhile.
const MAX_TRIES: usize = 5;

impl App {
    /// Compares what each service has entered from `from` to just before `to` with our books. With `apply` what can be put
    /// right is; without, nothing is changed.
    ///
    /// # Errors
    /// [`Error::Validation`] for a time that is none, or the database's; what was done before stays done.
    pub async fn reconcile(
        &self,
        from: Timestamp,
        to: Timestamp,
        apply: bool,
    ) -> Result<Reconciliation, Error> {
        if from >= to {
            return Err(Error::Validation(vec![FieldError::new("from", "must lie before `to`")]));
        }
        let mut done = Reconciliation { from, to, books: Vec::new(), findings: Vec::new() };
        for gateway in &self.inner.gateways {
            let mut comparing = Comparing::new(self, gateway.as_ref(), apply);
            let records = match gateway.records(from, to).await {
                Ok(records) => {
                    let count = records.len();
                    comparing.compare(records, from, to).await?;
                    Some(count).filter(|_| comparing.could_ask)
                }
                Err(error) => {
                    tracing::warn!(method = gateway.method().name(), %error, "a service's books could not be read");
                    None
                }
            };
            done.books.push(Books { method: gateway.method(), records });
            done.findings.append(&mut comparing.findings);
        }
        Ok(done)
    }
}

/// One service's books beside ours.
struct Comparing<'a> {
    app: &'a App,
    gateway: &'a dyn PaymentGateway,
    apply: bool,
    findings: Vec<Finding>,
    /// Whether the service answered all that it was asked.
    could_ask: bool,
    /// Accounts of which a payment would be taken in, were this applied.
    promised: BTreeSet<AccountId>,
    /// Accounts of which something waits for a person; what is for a plan and comes after it does too.
    blocked: BTreeSet<AccountId>,
}

impl<'a> Comparing<'a> {
    fn new(app: &'a App, gateway: &'a dyn PaymentGateway, apply: bool) -> Self {
        Self {
            app,
            gateway,
            apply,
            findings: Vec::new(),
            could_ask: true,
            promised: BTreeSet::new(),
            blocked: BTreeSet::new(),
        }
    }

    fn method(&self) -> PaymentMethod {
        self.gateway.method()
    }

    async fn compare(
        &mut self,
        records: Vec<GatewayRecord>,
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), Error> {
        let (payments, refunds) = parted(records);
        for found in &payments {
            self.compare_payment(found).await?;
        }
        // After the payments: some of those that went back may not have been ours before.
        for found in &refunds {
            self.compare_refund(found).await?;
        }
        self.look_for_payments(&payments, from, to).await?;
        self.look_for_refunds(&refunds, from, to).await
    }

    async fn compare_payment(&mut self, found: &GatewayPayment) -> Result<(), Error> {
        let mut tries = 0;
        while let Some(judged) = self.judge_payment(found).await? {
            tries += 1;
            if self.settle(judged, tries).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn compare_refund(&mut self, found: &GatewayRefund) -> Result<(), Error> {
        let mut tries = 0;
        while let Some(judged) = self.judge_refund(found).await? {
            tries += 1;
            if self.settle(judged, tries).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Puts a finding right where that is wanted and can be done, and enters it. `false` when somebody else has changed the
    /// same thing meanwhile: it is to be looked at again.
    async fn settle(&mut self, judged: Judged, tries: usize) -> Result<bool, Error> {
        let Judged { mut finding, remedy } = judged;
        if let Some(remedy) = remedy.filter(|_| self.apply) {
            finding.outcome = match self.carry_out(remedy).await {
                Ok(()) => Outcome::Done,
                Err(Error::Moved) if tries < MAX_TRIES => return Ok(false),
                Err(error) => Outcome::Failed(error.to_string()),
            };
        }
        let is_left = finding.kind.remedy().is_none() || matches!(finding.outcome, Outcome::Failed(_));
        match finding.outcome {
            _ if is_left => self.blocked.extend(finding.account_id),
            Outcome::Open => self.promised.extend(finding.account_id),
            Outcome::Done | Outcome::Failed(_) => {}
        }
        self.findings.push(finding);
        Ok(true)
    }

    async fn carry_out(&self, remedy: Remedy) -> Result<(), Error> {
        match remedy {
            Remedy::TakeOver(payment, found) => {
                let payment = self.app.absorb(*payment, *found).await?;
                Box::pin(self.app.advance_payment(payment)).await.map(drop)
            }
            Remedy::Adopt(adoption) => self.app.adopt(*adoption).await,
            Remedy::TakePeriod(found) => Box::pin(self.app.take_paid(*found)).await,
            Remedy::TakeRefund(found) => self.app.take_refund(self.method(), found).await,
        }
    }

    /// Looks for what we have as paid and the service has not entered in that time: it is asked for each.
    async fn look_for_payments(
        &mut self,
        seen: &[GatewayPayment],
        from: Timestamp,
        to: Timestamp,
    ) -> Result<(), Error> {
        let seen: BTreeSet<_> = seen.iter().filter_map(|found| found.gateway_id.as_deref()).collect();
        for ours in self.app.storage().payments_paid(self.method(), from, to).await? {
            if ours.status == PaymentStatus::Canceled {
                continue;
            }
            let gateway_id = ours.gateway_id.clone().unwrap_or_default();
            if seen.contains(gateway_id.as_str()) {
                continue;
            }
            match self.gateway.payment(&gateway_id).await {
                Ok(found) => self.compare_payment(&found).await?,
                Err(error) if error.kind == GatewayErrorKind::NotFound => {
                    let text = "the service does not know it".to_owned();
                    self.findings.push(finding::of_payment(FindingKind::NotPaid, &ours, text));
                }
                Err(error) => self.not_answered(&error),
            }
        }
        Ok(())
    }

    fn not_answered(&mut self, error: &domain::port::GatewayError) {
        tracing::warn!(method = self.method().name(), %error, "a service did not answer while books were compared");
        self.could_ask = false;
    }
}

/// Payments in the order in which they came, an account's one after the other; and refunds.
fn parted(records: Vec<GatewayRecord>) -> (Vec<GatewayPayment>, Vec<GatewayRefund>) {
    let (mut payments, mut refunds) = (Vec::new(), Vec::new());
    for record in records {
        match record {
            GatewayRecord::Payment(payment) => payments.push(payment),
            GatewayRecord::Refund(refund) => refunds.push(refund),
        }
    }
    payments.sort_by_cached_key(|payment| {
        let whose = payment.reference.as_deref().and_then(super::reference::Reference::parse);
        (whose.map(|reference| reference.account_id), payment.paid_at, payment.gateway_id.clone())
    });
    (payments, refunds)
}
