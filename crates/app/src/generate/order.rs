//! From a client's request to a priced order; nothing is held, and no vendor is called yet.

use super::GenerateRequest;
use crate::{App, Caller, Error, Spooled, media::Prepared, sell::read_params, spend::Reserved};
use domain::{
    catalog::{Category, Mode, Model, Purpose},
    id::{AccountId, GenerationId, KeyId},
    ledger::{Binding, RateLimits},
    media::MediaCall,
    params::{FieldError, Params},
    port::{Call, Input},
    pricing,
    text::{ChatOptions, TextInput},
};
use serde_json::{Map, Value};
use std::sync::Arc;

/// What is to be held and asked.
pub(super) struct Order {
    pub(super) account_id: AccountId,
    pub(super) key_id: Option<KeyId>,
    pub(super) generation_id: GenerationId,
    pub(super) model_slug: String,
    pub(super) category: Category,
    /// The account's plan.
    pub(super) plan: String,
    pub(super) vendor: String,
    pub(super) price_tokens: i64,
    /// The words of the request, for its record.
    pub(super) prompt: Option<Arc<str>>,
    /// Milliseconds for the whole of it.
    pub(super) timeout_ms: i64,
    /// Whether the client is not kept waiting: the response is 202.
    pub(super) is_async: bool,
    /// Whether the answer is wanted in pieces as it comes.
    pub(super) is_stream: bool,
    /// What it may cost at its vendor, where that is counted; until the hold is taken.
    pub(super) reserved: Option<Reserved>,
    pub(super) work: Work,
    /// What the account's plan lets it begin.
    pub(super) limits: RateLimits,
    /// NeuralBox tokens that the key may use in a calendar month, where that is limited.
    pub(super) key_budget_tokens: Option<i64>,
    /// The request's name, where the client gave it one.
    pub(super) binding: Option<Binding>,
    /// Where to send word of its end, besides the account's endpoints.
    pub(super) webhook_url: Option<String>,
}

impl Order {
    /// Whether its client hears of it before it has ended: by a name, by its first words, or because it may become a job.
    pub(super) fn is_told_before_its_end(&self) -> bool {
        self.binding.is_some() || self.is_stream || self.is_async || matches!(self.work, Work::Media(_))
    }
}

/// A request whose words are right. Whether it can be had now is another matter.
pub(super) struct Asked<'a> {
    pub(super) model: &'a Model,
    pub(super) is_stream: bool,
    params: Params,
    options: ChatOptions,
    audio: Option<Spooled>,
    webhook_url: Option<String>,
}

impl Asked<'_> {
    /// The name under which it is asked for, with how its client is answered: at once, where the model's clients are not
    /// kept waiting and it has said nothing else.
    pub(super) fn bound_by(&self, binding: Binding) -> Binding {
        let at_once = (self.model.mode == Mode::Async).then_some(0);
        Binding { wait_ms: binding.wait_ms.or(at_once), ..binding }
    }
}

/// What the vendor is asked.
pub(super) enum Work {
    /// A conversation.
    Chat(Box<Call>),
    /// Anything else.
    Media(Box<Prepared>),
}

impl App {
    /// Reads a request: the model exists, and the parameters are right.
    pub(super) fn read_request(&self, mut request: GenerateRequest) -> Result<Asked<'_>, Error> {
        let model = self.model(&request.model)?;
        if request.category.is_some_and(|category| category != model.category) {
            let message = format!("{} is no model for this endpoint", model.slug);
            return Err(Error::Validation(vec![FieldError::new("model", message)]));
        }
        check_way(model, request.audio.is_some())?;
        let webhook_url = self.take_webhook_url(&mut request.params);
        let webhook_url = webhook_url.map_err(|wrong| request.errors.push(wrong)).unwrap_or_default();
        let (messages, options) = request.chat.map(|chat| (chat.messages, chat.options)).unzip();
        let options = options.unwrap_or_default();
        let (read, is_stream) = read_params(model, request.params, |given| match messages {
            Some(messages) => model.read_chat(messages, &options, given),
            None => model.read_params(given, Purpose::Generate),
        });
        match read {
            Ok(params) if request.errors.is_empty() => {
                Ok(Asked { model, is_stream, params, options, audio: request.audio, webhook_url })
            }
            read => {
                let errors = request.errors.into_iter().chain(read.err().into_iter().flatten());
                Err(Error::Validation(errors.collect()))
            }
        }
    }

    /// Makes an order of a request: the plan covers it, it can be used now, and its files are what they should be.
    pub(super) async fn read_order(
        &self,
        caller: &Caller,
        asked: Asked<'_>,
        binding: Option<Binding>,
    ) -> Result<Order, Error> {
        let Asked { model, is_stream, params, options, audio, webhook_url } = asked;
        self.admit(caller, model)?;
        let cost_micro_usd = model.most_vendor_cost_micro_usd(&params);
        // Nothing is fetched for a vendor that may cost no more today; and nothing counts while it is fetched.
        drop(self.reserve_spend(model, cost_micro_usd).await?);
        let quote = pricing::quote(model, &params, 1);
        let quote = quote.ok_or_else(|| Error::Internal(format!("{} has no price", model.slug)))?;
        self.check_balance(caller.account_id, model, &params, quote.token_cost).await?;
        let timeout_ms = self.timeout_ms(model);
        let id = GenerationId(self.storage().next_id().await?);
        let prompt = params.subject();
        let work = match model.category {
            Category::Text => {
                let input = TextInput { options, ..model.text_input(&params) };
                Work::Chat(Box::new(self.chat_call(model, id, input, is_stream, timeout_ms)?))
            }
            _ => Work::Media(Box::new(self.media_call(caller, model, id, params, audio).await?)),
        };
        Ok(Order {
            account_id: caller.account_id,
            key_id: caller.key_id,
            generation_id: id,
            model_slug: model.slug.clone(),
            category: model.category,
            plan: caller.plan.clone(),
            vendor: model.vendor.clone(),
            price_tokens: quote.token_cost,
            prompt: prompt.map(Arc::from),
            timeout_ms,
            is_async: model.mode == Mode::Async,
            is_stream,
            reserved: self.reserve_spend(model, cost_micro_usd).await?,
            work,
            limits: self.rate_limits(caller),
            key_budget_tokens: caller.key_budget_tokens,
            binding,
            webhook_url,
        })
    }

    /// Whether speech to text would be refused whatever the recording, before that is read.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Validation`], [`Error::InsufficientPlan`], [`Error::ModelUnavailable`].
    pub fn admit_recording(&self, caller: &Caller, slug: &str) -> Result<(), Error> {
        let model = self.model(slug)?;
        check_way(model, true)?;
        self.admit(caller, model)
    }

    /// What is wrong with a request for speech to text beside its recording, which cannot be used.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Validation`] for a model of something else.
    pub fn wrong_beside_recording(
        &self,
        slug: &str,
        mut params: Map<String, Value>,
    ) -> Result<Vec<FieldError>, Error> {
        let model = self.model(slug)?;
        check_way(model, true)?;
        let webhook_url = self.take_webhook_url(&mut params);
        let wrong = match model.read_params(&params, Purpose::Generate) {
            Ok(params) => self.inner.provider.check(&MediaCall::new(model, GenerationId(0), params, 0)).err(),
            Err(wrong) => Some(wrong),
        };
        Ok(wrong.into_iter().flatten().chain(webhook_url.err()).collect())
    }

    /// Whether the caller's plan covers the model, and it can be used now.
    fn admit(&self, caller: &Caller, model: &Model) -> Result<(), Error> {
        if !self.catalog().plan_covers(&caller.plan, &model.min_plan) {
            let (required_plan, plan) = (model.min_plan.clone(), caller.plan.clone());
            return Err(Error::InsufficientPlan { required_plan, plan });
        }
        if let Some(reason) = self.availability(model).reason() {
            return Err(Error::ModelUnavailable { model: model.slug.clone(), reason, retry_after_s: None });
        }
        let ready = self.inner.provider.ready(&model.vendor);
        ready.map_err(|error| Error::from_provider(&error, &model.vendor, &model.slug))
    }

    /// Milliseconds for an answer that comes at once, or the start of a job.
    fn answer_timeout_ms(&self, model: &Model) -> i64 {
        model.timeout_ms.unwrap_or(self.inner.settings.answer_timeout_ms.of(model.category))
    }

    /// Milliseconds for the whole of a generation.
    pub(super) fn timeout_ms(&self, model: &Model) -> i64 {
        match model.mode {
            Mode::Async => model.job_timeout_ms.unwrap_or(self.inner.settings.job_timeout_ms),
            Mode::Sync | Mode::SyncStream => self.answer_timeout_ms(model),
        }
    }

    fn chat_call(
        &self,
        model: &Model,
        generation_id: GenerationId,
        input: TextInput,
        stream: bool,
        timeout_ms: i64,
    ) -> Result<Call, Error> {
        let call = Call {
            generation_id,
            vendor: model.vendor.clone(),
            upstream: model.upstream.clone(),
            input: Input::Text(input),
            stream,
            timeout_ms,
        };
        self.inner.provider.check_chat(&call).map_err(Error::Validation)?;
        Ok(call)
    }

    async fn media_call(
        &self,
        caller: &Caller,
        model: &Model,
        generation_id: GenerationId,
        params: Params,
        audio: Option<Spooled>,
    ) -> Result<Prepared, Error> {
        let mut call = MediaCall::new(model, generation_id, params, self.answer_timeout_ms(model));
        call.callback_url = self.callback_url(&model.vendor)?;
        let mut errors = Vec::new();
        let prepared = match audio {
            None => self.prepare(caller.account_id, model, call).await?,
            Some(Spooled { folder, path, .. }) => {
                match self.recording(model, path).await? {
                    Ok(file) => drop(call.inputs.insert("audio".to_owned(), file)),
                    Err(wrong) => errors.push(wrong),
                }
                call.scratch = folder.path().to_owned();
                Prepared { call, _folder: folder }
            }
        };
        errors.extend(self.inner.provider.check(&prepared.call).err().into_iter().flatten());
        if errors.is_empty() { Ok(prepared) } else { Err(Error::Validation(errors)) }
    }
}

/// Speech to text comes with a file, by a way of its own.
fn check_way(model: &Model, has_audio: bool) -> Result<(), Error> {
    let message = match (model.category == Category::Stt, has_audio) {
        (true, false) => "speech to text is asked for at POST /stt",
        (false, true) => "is no model for speech to text",
        _ => return Ok(()),
    };
    Err(Error::Validation(vec![FieldError::new("model", message)]))
}
