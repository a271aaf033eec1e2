//! Telling somebody how a job stands, as vendors do that take a callback URL. Only `http` is spoken here.

use crate::{job::Job, service::Service};
use reqwest::{
    Client, RequestBuilder,
    header::{CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use serde_json::Value;
use standardwebhooks::Webhook;
use std::{sync::Arc, time::Duration};

/// How long a job with a callback takes for a step. It goes on by itself, as nobody may be looking.
const PACE: Duration = Duration::from_millis(250);
/// How long a receiver may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What to post about a job as it stands; `None` when that is nobody's business.
pub(crate) type Message = Box<dyn Fn(&Job) -> Option<Value> + Send + Sync>;

/// Whom to tell, and how.
pub(crate) struct Callback {
    /// Where to post.
    pub(crate) url: String,
    /// What to post. The same thing is not posted twice in a row.
    pub(crate) message: Message,
    /// Whether an answer of that status means that it arrived.
    pub(crate) has_arrived: fn(u16) -> bool,
    /// How long to wait before each repeat, in milliseconds.
    pub(crate) pauses_ms: &'static [u64],
    /// The secret to sign with, where the vendor signs.
    pub(crate) secret: Option<&'static str>,
    /// Whether the last message comes twice, and after it once more the one before.
    pub(crate) is_untidy: bool,
}

/// A client for callbacks, which follows no redirects.
///
/// # Errors
/// When the system gives no HTTP client.
pub(crate) fn client() -> Result<Client, reqwest::Error> {
    // An error says that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder().redirect(Policy::none()).no_proxy().timeout(PATIENCE).tls_certs_only([]).build()
}

impl Callback {
    /// Keeps somebody told about a job until it ends, is forgotten, or the sandbox stops.
    pub(crate) fn follow(self, service: &Arc<Service>, job_id: String) {
        let (service, stopped) = (Arc::clone(service), service.stopped());
        tokio::spawn(async move {
            tokio::select! {
                () = self.tell(&service, &job_id) => {}
                () = stopped => {}
            }
        });
    }

    async fn tell(&self, service: &Service, job_id: &str) {
        let mut told = None;
        loop {
            tokio::time::sleep(PACE).await;
            let Some(job) = service.jobs.update(job_id, Job::step) else { return };
            let message = (self.message)(&job);
            if message.is_some() && message != told {
                self.post(service, &job, message.as_ref()).await;
            }
            if job.stage().is_end() {
                if self.is_untidy {
                    self.post(service, &job, message.as_ref()).await;
                    self.post(service, &job, told.as_ref()).await;
                }
                return;
            }
            told = message.or(told);
        }
    }

    /// Posts until it has arrived or there is no repeat left.
    async fn post(&self, service: &Service, job: &Job, message: Option<&Value>) {
        let Some(body) = message.map(Value::to_string) else { return };
        let mut pauses_ms = self.pauses_ms.iter();
        loop {
            let request = self.request(service, job, &body).send().await;
            if request.is_ok_and(|response| (self.has_arrived)(response.status().as_u16())) {
                return;
            }
            tracing::debug!(service = service.name, job = job.id, "callback not taken");
            let Some(pause_ms) = pauses_ms.next() else { return };
            tokio::time::sleep(Duration::from_millis(*pause_ms)).await;
        }
    }

    fn request(&self, service: &Service, job: &Job, body: &str) -> RequestBuilder {
        let json = HeaderValue::from_static("application/json");
        let request = service.http.post(&self.url).header(CONTENT_TYPE, json).body(body.to_owned());
        match self.secret {
            Some(secret) => signed(request, secret, &job.id, body),
            None => request,
        }
    }
}

/// Signed as Standard Webhooks. The id is the same on each repeat, the time is not.
fn signed(request: RequestBuilder, secret: &str, job_id: &str, body: &str) -> RequestBuilder {
    let (id, now) = (format!("msg_{job_id}"), unix_time_s());
    let signature = Webhook::new(secret).and_then(|webhook| webhook.sign(&id, now, body.as_bytes()));
    let Ok(signature) = signature else { return request };
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", now.to_string())
        .header("webhook-signature", signature)
}

#[expect(
    clippy::disallowed_methods,
    reason = "a vendor has a clock of its own, and receivers compare the time of a signature with theirs"
)]
fn unix_time_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}
