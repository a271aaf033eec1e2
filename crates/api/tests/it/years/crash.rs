//! Dying in the middle of something.

use rand::{RngExt, rngs::StdRng};
use std::{
    pin::Pin,
    task::{Context, Poll},
};

/// A process gets that far at most before it dies, counted in polls of its future.
const MOST_POLLS: u32 = 60;

/// Runs `work`, or with a chance of `per_mille` only a part of it: then it is dropped where it waits, and `None` comes of it.
pub(super) async fn perhaps<T>(
    rng: &mut StdRng,
    per_mille: u32,
    work: impl Future<Output = T> + Send,
) -> Option<T> {
    let dies = rng.random_range(0..1_000) < per_mille;
    // Most deaths come early, where most of the decisions are.
    let most = rng.random_range(1..=MOST_POLLS);
    let polls = rng.random_range(0..most);
    Mortal { work: Box::pin(work), polls_left: dies.then_some(polls) }.await
}

/// Runs `work` until it has been polled that often, and then no further.
pub(crate) async fn after<T>(polls: u32, work: impl Future<Output = T> + Send) -> Option<T> {
    Mortal { work: Box::pin(work), polls_left: Some(polls) }.await
}

struct Mortal<'a, T> {
    work: Pin<Box<dyn Future<Output = T> + Send + 'a>>,
    polls_left: Option<u32>,
}

impl<T> Future for Mortal<'_, T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        match &mut self.polls_left {
            Some(0) => return Poll::Ready(None),
            Some(polls) => *polls -= 1,
            None => {}
        }
        self.work.as_mut().poll(context).map(Some)
    }
}
