//! Running the machine of a media adapter: sending what it says, until it is done or a job runs.

use super::{
    ClientSettings, Key, Vendor,
    attempt::{Failure, cut, is_json, read_body, refusal, too_long, unsent},
    body,
    retry::Patience,
};
use crate::{
    adapter::{AnswerForm, Exchange, MediaAdapter, Repeat, Reply, ReplyBody, Request, Step},
    repeat::Trouble,
};
use domain::{
    media::{JobState, Made, MediaCall},
    port::{ProviderError, ProviderErrorKind},
};
use http::header::CONTENT_TYPE;
use std::{path::PathBuf, time::Duration};
use tokio::{fs::File, io::AsyncWriteExt, time::Instant};

/// Exchanges that one call may need before it is done or a job runs: an upload for each of its files, and a few.
const MAX_EXCHANGES: usize = 20;
/// The file in a call's scratch folder that takes an answer.
const ANSWER_FILE: &str = "answer";

/// A call on its way.
pub(super) struct MediaRun<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) settings: &'a ClientSettings,
    pub(super) vendor: &'a Vendor,
    pub(super) key: &'a Key,
    pub(super) adapter: &'a dyn MediaAdapter,
    pub(super) call: &'a MediaCall,
    /// When its time is up; no repeat is begun that could not end before.
    pub(super) deadline: Instant,
}

impl MediaRun<'_> {
    pub(super) async fn make(self) -> Result<Made, ProviderError> {
        let first = self.adapter.start(self.call)?;
        self.run(first, false).await
    }

    pub(super) async fn poll(self, state: &JobState) -> Result<Made, ProviderError> {
        let first = self.adapter.poll(self.call, state)?;
        self.run(first, true).await
    }

    pub(super) async fn cancel(self, state: &JobState) -> Result<bool, ProviderError> {
        let Some(request) = self.adapter.cancel(self.call, state)? else { return Ok(false) };
        let (repeat, answer) = (Repeat::Harmless, AnswerForm::Memory);
        let exchange = Exchange { request, state: JobState::default(), repeat, answer };
        self.exchange(&exchange, |_| Ok(true)).await
    }

    /// `has_begun` says whether the vendor is at work that it may charge for.
    async fn run(self, first: Exchange, mut has_begun: bool) -> Result<Made, ProviderError> {
        let mut exchange = first;
        for _ in 0..MAX_EXCHANGES {
            let next = |reply| self.adapter.next(self.call, &exchange.state, &reply);
            let step = self.exchange(&exchange, next).await;
            match step.map_err(|error| self.priced(error, has_begun))? {
                Step::Send(next) => {
                    has_begun |= exchange.repeat == Repeat::Billable;
                    exchange = next;
                }
                Step::Wait(job) => return Ok(Made::Job(job)),
                Step::Done(product) => return Ok(Made::Done(product)),
            }
        }
        let message = format!("the adapter has not come to an end after {MAX_EXCHANGES} exchanges");
        Err(ProviderError::new(ProviderErrorKind::BadResponse, message))
    }

    /// An error that says whether it leaves something to pay: being turned away costs nothing unless work had begun before,
    /// and the end of that work is the vendor's own affair.
    fn priced(&self, error: ProviderError, has_begun: bool) -> ProviderError {
        let has_ended =
            matches!(error.kind, ProviderErrorKind::JobFailed | ProviderErrorKind::ContentRefused);
        let is_free = error.is_free && !has_begun || has_ended && !self.adapter.charges_unfinished(self.call);
        ProviderError { is_free, ..error }
    }

    /// What `read` makes of the answer.
    async fn exchange<T>(
        &self,
        exchange: &Exchange,
        read: impl Fn(Reply) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let mut patience = Patience::new(self.settings, self.vendor.adapter.vendor(), self.deadline);
        loop {
            let answered = self.attempt(&exchange.request, exchange.answer).await;
            match answered.and_then(|reply| read(reply).map_err(within_answer)) {
                Ok(read) => return Ok(read),
                Err(failure) => patience.wait_after(failure, exchange.repeat).await?,
            }
        }
    }

    async fn attempt(&self, request: &Request, form: AnswerForm) -> Result<Reply, Failure> {
        let mut headers = request.headers.clone();
        headers.extend(self.key.headers.iter().cloned());
        let url = format!("{}{}", self.vendor.base_url, request.path);
        let builder = self.http.request(request.method.clone(), url).headers(headers);
        let builder = body::attach(builder, &request.body).await?;
        let shown = self.vendor.shown(request);
        let response = self.vendor.send(builder, shown.as_ref()).await.map_err(unsent)?;
        if !response.status().is_success() {
            return Err(refusal(self.vendor, self.settings, response).await);
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let content_type = content_type.unwrap_or_default().to_owned();
        let body = if form == AnswerForm::File && !is_json(response.headers()) {
            ReplyBody::Path(self.write_to_file(response).await?)
        } else {
            ReplyBody::Bytes(read_body(response, self.settings.max_response_bytes).await?)
        };
        Ok(Reply { content_type, body })
    }

    async fn write_to_file(&self, mut response: reqwest::Response) -> Result<PathBuf, ProviderError> {
        let path = self.call.scratch.join(ANSWER_FILE);
        let mut file = File::create(&path).await.map_err(|error| body::local(&error))?;
        let max_bytes = self.settings.max_result_bytes;
        let mut left = max_bytes;
        let silence = Duration::from_millis(self.settings.idle_timeout_ms);
        loop {
            let chunk = tokio::time::timeout(silence, response.chunk()).await;
            let chunk = chunk.map_err(|_| {
                ProviderError::new(ProviderErrorKind::Timeout, "the answer fell silent before its end")
            })?;
            let Some(chunk) = chunk.map_err(|error| cut(&error))? else { break };
            let bytes = u64::try_from(chunk.len()).unwrap_or(u64::MAX);
            left = left.checked_sub(bytes).ok_or_else(|| too_long(max_bytes))?;
            file.write_all(&chunk).await.map_err(|error| body::local(&error))?;
        }
        file.flush().await.map_err(|error| body::local(&error))?;
        Ok(path)
    }
}

/// Trouble that the vendor tells in an answer of status 2xx. Being told to slow down is being turned away, as it is under a
/// status of its own; everything else is the vendor's last word.
fn within_answer(error: ProviderError) -> Failure {
    let is_turned_away = error.kind == ProviderErrorKind::RateLimited;
    let trouble = if is_turned_away { Trouble::TurnedAway } else { Trouble::Final };
    Failure { error, trouble }
}
