//! How much of our work a vendor gets at the same time.

use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// One vendor's slots: each call under way takes one.
#[derive(Debug)]
pub(super) struct Slots {
    free: Semaphore,
}

impl Slots {
    pub(super) fn new(max_concurrency: usize) -> Self {
        Self { free: Semaphore::new(max_concurrency.clamp(1, Semaphore::MAX_PERMITS)) }
    }

    /// A slot, first come, first served; `None` when none gets free in time.
    pub(super) async fn take(&self, patience: Duration) -> Option<SemaphorePermit<'_>> {
        tokio::time::timeout(patience, self.free.acquire()).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_vendor_is_waited_for() {
        let (slots, at_once, long) = (Slots::new(2), Duration::ZERO, Duration::from_secs(60));
        let (first, _second) = (slots.take(at_once).await.unwrap(), slots.take(at_once).await.unwrap());
        assert!(slots.take(at_once).await.is_none());
        let (third, ()) = tokio::join!(slots.take(long), async { drop(first) });
        assert!(third.is_some());
    }

    #[tokio::test]
    async fn there_is_always_one() {
        assert!(Slots::new(0).take(Duration::ZERO).await.is_some());
    }
}
