//! Whether a vendor is given new work: not while its breaker is open, and not more at once than it is to have. What asks
//! after jobs, or stops them, passes by: a job under way is worth asking after whatever the vendor does to others, and
//! says nothing about how it takes new work.

use super::{
    ClientSettings,
    breaker::{Breaker, Pass},
    slots::Slots,
};
use domain::port::{ProviderError, ProviderErrorKind};
use std::time::Duration;
use tokio::{sync::SemaphorePermit, time::Instant};

/// When to come back to a vendor that has all its slots taken.
const SLOT_RETRY_MS: i64 = 1_000;

/// One vendor's doorkeeper.
#[derive(Debug)]
pub(super) struct Admission {
    breaker: Breaker,
    slots: Slots,
    max_queue: Duration,
}

/// A call that was let in.
pub(super) struct Admitted<'a> {
    pass: Pass<'a>,
    _slot: SemaphorePermit<'a>,
}

impl Admission {
    pub(super) fn new(vendor: &'static str, settings: &ClientSettings, max_concurrency: usize) -> Self {
        let opens_for = Duration::from_millis(settings.breaker_open_ms);
        Self {
            breaker: Breaker::new(vendor, settings.breaker_failures, opens_for),
            slots: Slots::new(max_concurrency),
            max_queue: Duration::from_millis(settings.max_queue_ms),
        }
    }

    /// # Errors
    /// `CircuitOpen` with the time that is left of it.
    pub(super) fn check(&self) -> Result<(), ProviderError> {
        self.breaker.refuses_for(Instant::now()).map_or(Ok(()), |left| Err(circuit_open(left)))
    }

    /// Waits for a slot, no longer than `patience`.
    ///
    /// # Errors
    /// `CircuitOpen` and `Busy`.
    pub(super) async fn enter(&self, patience: Duration) -> Result<Admitted<'_>, ProviderError> {
        // Nobody queues for a vendor that takes nothing.
        self.check()?;
        let slot = self.slots.take(patience.min(self.max_queue)).await;
        let slot = slot.ok_or_else(|| ProviderError {
            retry_after_ms: Some(SLOT_RETRY_MS),
            ..ProviderError::new(ProviderErrorKind::Busy, "all our slots at the vendor are taken")
        })?;
        let pass = self.breaker.admit(Instant::now()).map_err(circuit_open)?;
        Ok(Admitted { pass, _slot: slot })
    }
}

impl Admitted<'_> {
    /// Tells the breaker how the call ended.
    pub(super) fn tell<T>(self, result: &Result<T, ProviderError>) {
        let outcome = result.as_ref().map(|_| ()).map_err(|error| error.kind);
        self.pass.tell(outcome, Instant::now());
    }
}

fn circuit_open(left: Duration) -> ProviderError {
    let retry_after_ms = Some(i64::try_from(left.as_millis()).unwrap_or(i64::MAX));
    let message = "the vendor has failed too often and is left alone for a while";
    ProviderError { retry_after_ms, ..ProviderError::new(ProviderErrorKind::CircuitOpen, message) }
}
