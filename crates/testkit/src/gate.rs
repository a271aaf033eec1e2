//! A gate behind commits: it holds a service up for as long as a test likes.

use std::pin::Pin;
use storage::{CommitWatch, Moment};
use tokio::sync::{Notify, watch};

/// Open at first. While it is shut, whoever has committed stands before it, and with it all that waits for the one. What is
/// committed is on disk and locks nothing any more, so no time limit of the database's runs out meanwhile.
#[derive(Debug, Default)]
pub struct CommitGate {
    is_shut: watch::Sender<bool>,
    arrived: Notify,
}

impl CommitGate {
    /// Lets nobody through any more.
    pub fn shut(&self) {
        self.is_shut.send_replace(true);
    }

    /// Waits until somebody stands before it.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Lets everybody through.
    pub fn open(&self) {
        self.is_shut.send_replace(false);
    }
}

impl CommitWatch for CommitGate {
    fn reached(&self, _step: &'static str, moment: Moment) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let mut is_shut = self.is_shut.subscribe();
            if moment == Moment::After && *is_shut.borrow() {
                self.arrived.notify_one();
                drop(is_shut.wait_for(|is_shut| !is_shut).await);
            }
        })
    }
}
