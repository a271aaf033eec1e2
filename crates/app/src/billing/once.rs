//! Orders that their client gives a name: a repeat asks for no second payment, and gets the first answer.

use super::{Order, Ordered, order::settled};
use crate::{App, Error, IdempotencyKey};
use domain::{
    id::{AccountId, PaymentId},
    ledger::Binding,
};
use serde::Serialize;
use std::time::Duration;

/// How long a repeat waits for the first answer. Then it takes the payment up itself: the process that began it is gone.
const PATIENCE: Duration = Duration::from_secs(10);
/// Milliseconds between two looks.
const LOOK_MS: u64 = 250;

/// The answer to an order, first or repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body.
    pub body: String,
    /// Whether it was given before.
    pub is_replay: bool,
}

/// Puts what came of an order into words: the HTTP status and the body.
pub type InWords = fn(Result<Ordered, Error>) -> (u16, String);

impl App {
    /// Has `order` carried out, once under its name. Goes on when the client goes away, so that there is an answer to repeat.
    ///
    /// # Errors
    /// [`Error::IdempotencyConflict`], and whatever is found before a payment is asked for: a repeat tries that again.
    pub async fn order_once<F: Future<Output = Result<Ordered, Error>> + Send + 'static>(
        &self,
        account_id: AccountId,
        key: IdempotencyKey,
        request: &(impl Serialize + Sync),
        order: impl FnOnce(App, Binding) -> F + Send,
        in_words: InWords,
    ) -> Result<OrderAnswer, Error> {
        let binding = key.of(request)?;
        if let Some(answer) = self.earlier_answer(account_id, &binding, in_words).await? {
            return Ok(answer);
        }
        let (app, first) = (self.clone(), binding.clone());
        let ordered = order(self.clone(), binding.clone());
        let work = async move { app.answer_order(account_id, &first, ordered.await, in_words).await };
        let done = self.inner.tasks.spawn(work).await;
        match done.map_err(|error| Error::Internal(error.to_string()))? {
            // Perhaps by the same request, which was a moment earlier.
            Err(Error::Moved) => {
                self.earlier_answer(account_id, &binding, in_words).await?.ok_or(Error::Moved)
            }
            answer => answer,
        }
    }

    /// Keeps what is to be said again, before it is said for the first time.
    async fn answer_order(
        &self,
        account_id: AccountId,
        binding: &Binding,
        outcome: Result<Ordered, Error>,
        in_words: InWords,
    ) -> Result<OrderAnswer, Error> {
        let failed = match &outcome {
            Ok(_) => None,
            Err(Error::Payment { payment_id, .. }) => Some(*payment_id),
            // No payment was asked for under this name, or nobody knows yet what came of it.
            Err(error) => return Err(error.clone()),
        };
        let (status, body) = in_words(outcome);
        let is_kept = self.storage().keep_answer(account_id, binding, (status, body.clone()), failed).await?;
        // Another order may have taken the name meanwhile, or this one been answered elsewhere: what is said again counts.
        let earlier = if is_kept { None } else { self.bound(account_id, binding).await? };
        Ok(match earlier.and_then(|earlier| earlier.answer) {
            Some((status, body)) => OrderAnswer { status, body, is_replay: true },
            None => OrderAnswer { status, body, is_replay: false },
        })
    }

    /// The answer to the same order before; waits for one that is being carried out.
    async fn earlier_answer(
        &self,
        account_id: AccountId,
        binding: &Binding,
        in_words: InWords,
    ) -> Result<Option<OrderAnswer>, Error> {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        loop {
            let Some(found) = self.bound(account_id, binding).await? else { return Ok(None) };
            if let Some((status, body)) = found.answer {
                return Ok(Some(OrderAnswer { status, body, is_replay: true }));
            }
            let payment_id = found.payment_id.ok_or(Error::IdempotencyConflict)?;
            if tokio::time::Instant::now() >= deadline {
                let taken_up = self.take_up(account_id, payment_id).await;
                let answer = self.answer_order(account_id, binding, taken_up, in_words).await?;
                return Ok(Some(OrderAnswer { is_replay: true, ..answer }));
            }
            tokio::time::sleep(Duration::from_millis(LOOK_MS)).await;
        }
    }

    /// Goes on with a payment whose process is gone.
    async fn take_up(&self, account_id: AccountId, payment_id: PaymentId) -> Result<Ordered, Error> {
        let payment = self.storage().payment(account_id, payment_id).await?;
        let payment = payment.ok_or(Error::NotFound("payment"))?;
        let payment = settled(self.advance_payment(payment).await?)?;
        Ok(Ordered::Payment(Box::new(payment)))
    }

    /// Whether an order's name is free still, so that what stands in its way is not the same order.
    pub(super) async fn require_unbound(&self, account_id: AccountId, order: &Order) -> Result<(), Error> {
        let Some(binding) = &order.binding else { return Ok(()) };
        if self.bound(account_id, binding).await?.is_some() { Err(Error::Moved) } else { Ok(()) }
    }
}
