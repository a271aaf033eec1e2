//! From a client's request to a priced order; nothing is held, and no vendor is called yet.

use super::GenerateRequest;
use crate::{App, Caller, Error, Spooled, media::Prepared, sell::read_params};
use domain::{
    catalog::{Category, Mode, Model, Purpose},
    id::{AccountId, GenerationId, KeyId},
    media::MediaCall,
    params::{FieldError, Params},
    port::{Call, Input},
    pricing,
};
use std::collections::BTreeMap;

/// What is to be held and asked.
pub(super) struct Order {
    pub(super) account_id: AccountId,
    pub(super) key_id: KeyId,
    pub(super) generation_id: GenerationId,
    pub(super) model_slug: String,
    pub(super) vendor: String,
    pub(super) price_tokens: i64,
    /// The words of the request, for its record.
    pub(super) prompt: Option<String>,
    /// Milliseconds for the whole of it.
    pub(super) timeout_ms: i64,
    /// Whether the client is not kept waiting: the response is 202.
    pub(super) is_async: bool,
    /// Whether the answer is wanted in pieces as it comes.
    pub(super) is_stream: bool,
    pub(super) work: Work,
}

/// What the vendor is asked.
pub(super) enum Work {
    /// A conversation.
    Chat(Box<Call>),
    /// Anything else.
    Media(Box<Prepared>),
}

impl App {
    /// Reads a request: the model exists, the parameters are right, the plan covers it, it can be used now, and its files are
    /// what they should be.
    pub(super) async fn read_order(&self, caller: &Caller, request: GenerateRequest) -> Result<Order, Error> {
        let model = self.model(&request.model)?;
        check_way(model, request.audio.is_some())?;
        let (read, is_stream) = read_params(model, request.params, Purpose::Generate);
        let params = match read {
            Ok(params) if request.errors.is_empty() => params,
            read => {
                let errors = request.errors.into_iter().chain(read.err().into_iter().flatten());
                return Err(Error::Validation(errors.collect()));
            }
        };
        self.admit(caller, model)?;
        self.check_spend(model).await?;
        let quote = pricing::quote(model, &params, 1);
        let quote = quote.ok_or_else(|| Error::Internal(format!("{} has no price", model.slug)))?;
        let timeout_ms = self.timeout_ms(model);
        let id = GenerationId(self.storage().next_id().await?);
        Ok(Order {
            account_id: caller.account_id,
            key_id: caller.key_id,
            generation_id: id,
            model_slug: model.slug.clone(),
            vendor: model.vendor.clone(),
            price_tokens: quote.token_cost,
            prompt: params.subject(),
            timeout_ms,
            is_async: model.mode == Mode::Async,
            is_stream,
            work: match model.category {
                Category::Text => {
                    Work::Chat(Box::new(self.chat_call(model, id, &params, is_stream, timeout_ms)))
                }
                _ => Work::Media(Box::new(self.media_call(caller, model, id, params, request.audio).await?)),
            },
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
    fn timeout_ms(&self, model: &Model) -> i64 {
        match model.mode {
            Mode::Async => model.job_timeout_ms.unwrap_or(self.inner.settings.job_timeout_ms),
            Mode::Sync | Mode::SyncStream => self.answer_timeout_ms(model),
        }
    }

    fn chat_call(
        &self,
        model: &Model,
        generation_id: GenerationId,
        params: &Params,
        stream: bool,
        timeout_ms: i64,
    ) -> Call {
        Call {
            generation_id,
            vendor: model.vendor.clone(),
            upstream: model.upstream.clone(),
            input: Input::Text(model.text_input(params)),
            stream,
            timeout_ms,
        }
    }

    async fn media_call(
        &self,
        caller: &Caller,
        model: &Model,
        generation_id: GenerationId,
        params: Params,
        audio: Option<Spooled>,
    ) -> Result<Prepared, Error> {
        let mut call = MediaCall {
            generation_id,
            model_slug: model.slug.clone(),
            vendor: model.vendor.clone(),
            category: model.category,
            upstream: model.upstream.clone(),
            params,
            inputs: BTreeMap::new(),
            scratch: std::path::PathBuf::new(),
            callback_url: self.callback_url(&model.vendor)?,
            timeout_ms: self.answer_timeout_ms(model),
        };
        let prepared = match audio {
            None => self.prepare(caller.account_id, model, call).await?,
            Some(Spooled { folder, path, .. }) => {
                let file = self.recording(model, path).await?;
                let file = file.map_err(|wrong| Error::Validation(vec![wrong]))?;
                call.inputs.insert("audio".to_owned(), file);
                call.scratch = folder.path().to_owned();
                Prepared { call, _folder: folder }
            }
        };
        self.inner.provider.check(&prepared.call).map_err(Error::Validation)?;
        Ok(prepared)
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
