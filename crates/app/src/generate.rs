//! Generating: price, hold, call the vendor, settle.
//!
//! Hold, call and settle run in one task of their own, spawned before the hold is taken. Whoever asked only listens, so a
//! client that goes away strands nothing: the generation runs on and is charged if it completes.

mod in_flight;
mod order;
mod running;
mod task;

pub(crate) use in_flight::InFlight;
pub use running::{Finished, Running};
pub(crate) use task::in_time;

use crate::{App, Caller, Error, FailedGeneration, Spooled};
use domain::params::FieldError;
use running::Progress;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::sync::watch;
use tracing::Instrument;

/// A generation that a client asks for.
#[derive(Debug)]
pub struct GenerateRequest {
    /// The slug of the model.
    pub model: String,
    /// Its parameters, content and `stream` included, as the client sent them.
    pub params: Map<String, Value>,
    /// What was found wrong on the way here, to be told with the rest.
    pub errors: Vec<FieldError>,
    /// The sound of speech to text.
    pub audio: Option<Spooled>,
}

impl App {
    /// Begins a generation. When this answers, its tokens are held and its vendor is being called.
    ///
    /// # Errors
    /// Whatever is found before the hold is taken: [`Error::NotFound`], [`Error::Validation`],
    /// [`Error::InsufficientPlan`], [`Error::ModelUnavailable`], [`Error::InsufficientTokens`], [`Error::Overloaded`].
    pub async fn generate(
        &self,
        caller: &Caller,
        request: GenerateRequest,
    ) -> Result<Running, FailedGeneration> {
        if self.inner.tasks.is_closed() {
            return Err(Error::Overloaded.into());
        }
        let order = self.read_order(caller, request).await?;
        let (id, is_async) = (order.generation_id, order.is_async);
        let patience = Duration::from_millis(u64::try_from(order.timeout_ms).unwrap_or_default());
        let (model_slug, is_stream) = (order.model_slug.clone(), order.is_stream);
        let span = tracing::info_span!(
            "generation",
            id = id.0,
            account = caller.account_id.0,
            model = model_slug,
            price_tokens = order.price_tokens,
            outcome = tracing::field::Empty,
        );
        let (sender, progress) = watch::channel(Progress::default());
        let entered = self.inner.in_flight.enter(id);
        let app = self.clone();
        let work = async move {
            app.carry_out(order, &sender).await;
            drop(entered);
        };
        self.inner.tasks.spawn(work.instrument(span));
        let running = Running { id, model_slug, is_stream, is_async, patience, progress, read_bytes: 0 };
        running.begun().await
    }
}
