//! What can be made to go wrong with payments: so many times by command, or now and then by chance.

use crate::{
    fault::{Fault, Injection},
    service::{Pending, take},
};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use std::{collections::BTreeMap, time::Duration};

/// Rates are so many of this.
const RATE_BASE: u32 = 1_000;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PaymentFault {
    /// What happens to the answer of any vendor.
    Answer(Fault),
    /// What was asked for is done, and answered with an internal error.
    MadeBut500,
    /// There is not enough money.
    Declined,
    /// The payer's bank no longer allows charges by a saved method; nor does it later.
    MethodRevoked,
    /// A charge by a saved method waits for the payer to confirm it.
    ThreeDsPending,
    /// A refund does not arrive.
    RefundDeclined,
    /// A notification is never sent.
    NotifyLost,
    /// A notification is sent twice.
    NotifyDuplicate,
    /// A notification is held back until the next tick.
    NotifyLate,
    /// A notification is sent after the next one.
    NotifyReordered,
    /// Before a notification comes another one, of something that did not happen.
    NotifyForged,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// When a request is answered.
    Answer,
    /// When money is about to move.
    Charge,
    /// When a service tells of it.
    Notify,
}

impl PaymentFault {
    /// All of them, with the words that call them.
    pub(crate) const NAMES: [(&str, Self); 17] = [
        ("500", Self::Answer(Fault::Internal)),
        ("401", Self::Answer(Fault::BadKey)),
        ("429", Self::Answer(Fault::RateLimited)),
        ("overloaded", Self::Answer(Fault::Overloaded)),
        ("malformed", Self::Answer(Fault::Malformed)),
        ("cut", Self::Answer(Fault::Cut)),
        ("hang", Self::Answer(Fault::Hang)),
        ("500-made", Self::MadeBut500),
        ("declined", Self::Declined),
        ("method-revoked", Self::MethodRevoked),
        ("3ds-pending", Self::ThreeDsPending),
        ("refund-declined", Self::RefundDeclined),
        ("notify-lost", Self::NotifyLost),
        ("notify-duplicate", Self::NotifyDuplicate),
        ("notify-late", Self::NotifyLate),
        ("notify-reordered", Self::NotifyReordered),
        ("notify-forged", Self::NotifyForged),
    ];

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, fault)| *fault == self).map_or("", |(name, _)| name)
    }

    const fn stage(self) -> Stage {
        match self {
            Self::Answer(_) | Self::MadeBut500 => Stage::Answer,
            Self::Declined | Self::MethodRevoked | Self::ThreeDsPending | Self::RefundDeclined => {
                Stage::Charge
            }
            Self::NotifyLost
            | Self::NotifyDuplicate
            | Self::NotifyLate
            | Self::NotifyReordered
            | Self::NotifyForged => Stage::Notify,
        }
    }
}

/// What is to go wrong at one service.
#[derive(Debug)]
pub(crate) struct Mischief {
    known: Vec<(&'static str, PaymentFault)>,
    pending: Vec<Pending<PaymentFault>>,
    delay: Option<Pending<Duration>>,
    /// One for each stage, so that the draws of one do not depend on how often another draws.
    chances: Vec<Chance>,
}

impl Mischief {
    /// At a service where `unknown` cannot happen.
    pub(crate) fn new(unknown: &[PaymentFault]) -> Self {
        let known = PaymentFault::NAMES.into_iter().filter(|(_, fault)| !unknown.contains(fault)).collect();
        Self { known, pending: Vec::new(), delay: None, chances: Vec::new() }
    }

    /// The faults of this service, by name.
    pub(crate) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.known.iter().map(|(name, _)| *name)
    }

    /// The fault of that name, if this service has it.
    pub(crate) fn parse(&self, name: &str) -> Option<PaymentFault> {
        self.known.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }

    /// Has `fault` strike the next `times` occasions, in place of what was asked of the same fault before.
    pub(crate) fn set(&mut self, fault: PaymentFault, times: u32) {
        self.pending.retain(|pending| pending.what != fault);
        self.pending.push(Pending { what: fault, times });
    }

    /// Holds back the next `times` answers.
    pub(crate) fn set_delay(&mut self, delay: Duration, times: u32) {
        self.delay = Some(Pending { what: delay, times });
    }

    /// Forgets what is pending, chances included.
    pub(crate) fn clear(&mut self) {
        self.pending.clear();
        self.delay = None;
        self.chances.clear();
    }

    /// What is pending, for a test to look at.
    pub(crate) fn shown(&self) -> Vec<Value> {
        let faults = self.pending.iter().map(|fault| (fault.what.name().to_owned(), fault.times));
        let delay = self.delay.iter().map(|delay| (format!("delay:{}", delay.what.as_millis()), delay.times));
        faults.chain(delay).map(|(fault, times)| json!({"fault": fault, "times": times})).collect()
    }

    /// Has faults strike by chance, so many of a thousand occasions each: charges (and the requests for them), and what
    /// is told of them. The same seed and the same occasions give the same faults.
    ///
    /// # Errors
    /// What is wrong with the rates; nothing has changed then.
    pub(crate) fn set_rates(&mut self, seed: u64, rates: &BTreeMap<String, u32>) -> Result<(), String> {
        let mut chances: Vec<Chance> =
            [Stage::Answer, Stage::Charge, Stage::Notify].map(|stage| Chance::new(seed, stage)).into();
        for (name, rate) in rates {
            let fault = self.parse(name).ok_or_else(|| format!("there is no fault `{name}`"))?;
            let Some(chance) = chances.iter_mut().find(|chance| chance.stage == fault.stage()) else {
                continue;
            };
            chance.rates.push((fault, *rate));
            let sum = chance.rates.iter().fold(0_u32, |sum, (_, rate)| sum.saturating_add(*rate));
            if sum > RATE_BASE {
                return Err(format!("with `{name}`, rates at one stage add up to {sum} of {RATE_BASE}"));
            }
        }
        self.chances = chances;
        Ok(())
    }

    /// What happens to the answer of a request; some faults happen only to one that moves money.
    pub(crate) fn strike_answer(&mut self, moves_money: bool) -> (Option<PaymentFault>, Option<Duration>) {
        let strikes = |fault: PaymentFault| moves_money || fault != PaymentFault::MadeBut500;
        let fault = self.strike(Stage::Answer, moves_money, strikes);
        (fault, take(&mut self.delay))
    }

    /// What happens to a charge or refund, of all that `strikes` says can.
    pub(crate) fn strike_charge(&mut self, strikes: impl Fn(PaymentFault) -> bool) -> Option<PaymentFault> {
        self.strike(Stage::Charge, true, strikes)
    }

    /// What happens to a notification.
    pub(crate) fn strike_notification(&mut self) -> Option<PaymentFault> {
        self.strike(Stage::Notify, true, |_| true)
    }

    fn strike(
        &mut self,
        stage: Stage,
        by_chance: bool,
        strikes: impl Fn(PaymentFault) -> bool,
    ) -> Option<PaymentFault> {
        // Drawn in any case: what is asked for by command must not shift the draws that follow.
        let chance = self.chances.iter_mut().find(|chance| by_chance && chance.stage == stage);
        let drawn = chance.and_then(Chance::draw).filter(|fault| strikes(*fault));
        let can = |pending: &Pending<PaymentFault>| pending.what.stage() == stage && strikes(pending.what);
        let Some(index) = self.pending.iter().position(can) else { return drawn };
        let pending = self.pending.get_mut(index)?;
        let fault = pending.what;
        pending.times = pending.times.saturating_sub(1);
        if pending.times == 0 {
            self.pending.remove(index);
        }
        Some(fault)
    }
}

/// Faults by chance.
#[derive(Debug)]
struct Chance {
    stage: Stage,
    rng: StdRng,
    rates: Vec<(PaymentFault, u32)>,
}

impl Chance {
    fn new(seed: u64, stage: Stage) -> Self {
        let stream = match stage {
            Stage::Answer => 0,
            Stage::Charge => 1,
            Stage::Notify => 2,
        };
        let rng = StdRng::seed_from_u64(seed.wrapping_mul(3).wrapping_add(stream));
        Self { stage, rng, rates: Vec::new() }
    }

    fn draw(&mut self) -> Option<PaymentFault> {
        let mut left = self.rng.random_range(0..RATE_BASE);
        for (fault, rate) in &self.rates {
            match left.checked_sub(*rate) {
                None => return Some(*fault),
                Some(rest) => left = rest,
            }
        }
        None
    }
}

/// The part of a fault that happens to an answer on its way.
pub(crate) fn injection(fault: Option<PaymentFault>, delay: Option<Duration>) -> Injection {
    let fault = match fault {
        Some(PaymentFault::Answer(fault)) => Some(fault),
        _ => None,
    };
    Injection { fault, delay }
}
