//! Generating: price, hold, call the vendor, settle.
//!
//! Hold, call and settle run in one task of their own, spawned before the hold is taken. Whoever asked only listens, so a
//! client that goes away strands nothing: the generation runs on and is charged if it completes.

mod in_flight;
mod order;
mod running;
mod task;

pub(crate) use in_flight::{InFlight, TakeBack};
pub(crate) use running::Progress;
pub use running::{Finished, Running, Start};
pub(crate) use task::{UsageBody, in_time};

use crate::{App, Caller, Error, FailedGeneration, IdempotencyKey, Spooled, room::Place};
use domain::{catalog::Category, ledger::Binding, params::FieldError, text::Chat};
use order::Order;
use running::{Begun, begun};
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
    /// A conversation that has been read already, in place of one among the parameters.
    pub chat: Option<Chat>,
    /// What the client's way here is there for, where that is one kind of model alone. Without it, another kind could be made
    /// to do what the way is not there for.
    pub category: Option<Category>,
}

impl GenerateRequest {
    /// A request of `params` alone.
    pub fn new(model: String, params: Map<String, Value>) -> Self {
        Self { model, params, errors: Vec::new(), audio: None, chat: None, category: None }
    }
}

impl App {
    /// Begins a generation. When this answers, its tokens are held and its vendor is being called. Of a request that bears a
    /// name, the same one a second time begins nothing, and is told of the first one's end.
    ///
    /// # Errors
    /// Whatever is found before the hold is taken: [`Error::NotFound`], [`Error::Validation`],
    /// [`Error::InsufficientPlan`], [`Error::ModelUnavailable`], [`Error::InsufficientTokens`], [`Error::OverKeyBudget`],
    /// [`Error::RateLimited`], [`Error::TooManyStreams`], [`Error::Overloaded`], [`Error::Internal`]; [`Error::IdempotencyConflict`] when another request was
    /// made under the name.
    pub async fn generate_once(
        &self,
        caller: &Caller,
        request: GenerateRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Running, FailedGeneration> {
        if self.inner.tasks.is_closed() {
            return Err(Error::Overloaded.into());
        }
        let place = self.place_for(caller, &request)?;
        let running = self.begin_once(caller, request, key).await?;
        Ok(Running { _place: place, ..running })
    }

    /// A place among the streams that the caller's account reads, for a request that asks for one.
    fn place_for(&self, caller: &Caller, request: &GenerateRequest) -> Result<Option<Place>, Error> {
        if request.params.get("stream") != Some(&Value::Bool(true)) {
            return Ok(None);
        }
        let limit = self.inner.settings.streams_per_account;
        let place = self.inner.streams.enter(caller.account_id);
        place.map(Some).ok_or(Error::TooManyStreams { limit })
    }

    async fn begin_once(
        &self,
        caller: &Caller,
        request: GenerateRequest,
        key: Option<IdempotencyKey>,
    ) -> Result<Running, FailedGeneration> {
        let Some(key) = key else {
            let order = self.read_order(caller, self.read_request(request)?, None).await?;
            let begun = self.begin(order).await?;
            return begun.ok_or_else(|| Error::Internal("a request without a name".to_owned()).into());
        };
        let binding = key.of(&request.fingerprinted())?;
        // A repeat is answered whatever the catalog says by now, so it is looked for before anything is checked.
        let (model, stream) = (request.model.clone(), self.repeat_streams(&request));
        if let Some(is_stream) = stream
            && let Some(running) = self.listen_again(caller, &model, is_stream, &binding).await?
        {
            return Ok(running);
        }
        let asked = self.read_request(request)?;
        let is_stream = asked.is_stream;
        let first = asked.bound_by(binding.clone());
        let order = self.read_order(caller, asked, Some(first)).await?;
        if let Some(running) = self.begin(order).await? {
            return Ok(running);
        }
        // The same request was a moment earlier.
        let earlier = self.listen_again(caller, &model, is_stream, &binding).await?;
        earlier.ok_or_else(|| Error::Internal("a name was forgotten at once".to_owned()).into())
    }

    /// Has an order carried out. `None` when its name says that this was done before.
    async fn begin(&self, order: Order) -> Result<Option<Running>, FailedGeneration> {
        let span = tracing::info_span!(
            "generation",
            id = order.generation_id.0,
            account = order.account_id.0,
            model = order.model_slug,
            price_tokens = order.price_tokens,
        );
        let (sender, mut progress) = watch::channel(Progress::default());
        let (id, model_slug) = (order.generation_id, order.model_slug.clone());
        let (is_stream, is_async) = (order.is_stream, order.is_async);
        let patience = Duration::from_millis(u64::try_from(order.timeout_ms).unwrap_or_default());
        let entered = self.inner.in_flight.enter(id);
        let take_back = Some(entered.take_back.clone());
        let app = self.clone();
        let work = async move {
            app.carry_out(order, &sender, &entered.take_back).await;
            drop(entered);
        };
        // In a box, for it is large, and moved several times on its way to where it runs.
        self.inner.tasks.spawn(Box::pin(work.instrument(span)));
        Ok(match begun(&mut progress).await? {
            Begun::Held(start) => Some(Running {
                id,
                model_slug,
                is_stream,
                is_async,
                patience,
                start,
                replay: None,
                progress,
                read_bytes: 0,
                take_back,
                _place: None,
            }),
            Begun::Before => None,
        })
    }

    /// Listens to what the same request began before, here or in another process.
    async fn listen_again(
        &self,
        caller: &Caller,
        model: &str,
        is_stream: bool,
        binding: &Binding,
    ) -> Result<Option<Running>, Error> {
        let Some((id, replay)) = self.earlier_generation(caller.account_id, binding).await? else {
            return Ok(None);
        };
        let record = self.storage().generation(caller.account_id, id).await?;
        let record = record.ok_or(Error::NotFound("generation"))?;
        // The model may be gone from the catalog since.
        let timeout_ms = self.catalog().model(model).map(|model| self.timeout_ms(model));
        let timeout_ms = timeout_ms.unwrap_or(self.inner.settings.job_timeout_ms);
        let patience = Duration::from_millis(u64::try_from(timeout_ms).unwrap_or_default());
        let start = Start {
            created_at: record.created_at,
            balance_tokens: record.held_balance_tokens.unwrap_or_default(),
            rate: None,
        };
        Ok(Some(Running {
            id,
            model_slug: record.model_slug,
            is_stream,
            // Its first answer came at once, or did not: the name says it.
            is_async: false,
            patience,
            start,
            replay: Some(replay),
            progress: self.follow(caller, id, patience),
            read_bytes: 0,
            take_back: None,
            _place: None,
        }))
    }
}
