//! Whoever wants to be told of commits. In a service nobody does: it is there for tests that end a process between two
//! durable steps.

use futures_util::future::BoxFuture;
use std::sync::Arc;

/// On which side of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Moment {
    /// Nothing of it is there for anybody else yet.
    Before,
    /// It is committed, and nobody has been told.
    After,
}

/// Is told of each transaction that this crate commits, and waited for.
pub trait CommitWatch: Send + Sync + 'static {
    /// `step` says what is committed, as `hold`.
    fn reached(&self, step: &'static str, moment: Moment) -> BoxFuture<'_, ()>;
}

/// The watch, where there is one.
#[derive(Clone, Default)]
pub(crate) struct Watched(pub(crate) Option<Arc<dyn CommitWatch>>);

impl Watched {
    pub(crate) async fn reached(&self, step: &'static str, moment: Moment) {
        if let Some(watch) = &self.0 {
            watch.reached(step, moment).await;
        }
    }
}
