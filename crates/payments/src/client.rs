//! The IO that all payment services have in common.

mod attempt;
mod redact;
mod retry;

use crate::{
    adapter::{Access, Adapter, Exchange, Request, Response, Step},
    service,
    settings::{PaymentsSettings, SettingError},
};
use attempt::Attempt;
use domain::{
    port::{
        GatewayError, GatewayErrorKind, GatewayPayment, GatewayRecord, GatewayRefund, Notification,
        NotificationError, PaymentGateway, PaymentMethod, PaymentOrder, RefundOrder,
    },
    time::Timestamp,
};
use http::Method;
use retry::Patience;
use std::time::Duration;
use tokio::time::Instant;

/// One payment service, reached over HTTP. Made once at the start; connections are kept and shared by all calls.
pub struct Gateway {
    http: reqwest::Client,
    settings: PaymentsSettings,
    adapter: Box<dyn Adapter>,
    access: Option<Access>,
}

/// A payer's checkout is cancelled after 10 s, of which some have passed.
const PRE_CHECKOUT_TIME: Duration = Duration::from_secs(8);

/// Why a gateway cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum PaymentsError {
    /// A setting that cannot be used.
    #[error(transparent)]
    Setting(#[from] SettingError),
    /// No HTTP client could be made.
    #[error("cannot make an HTTP client")]
    Http(#[source] reqwest::Error),
}

impl Gateway {
    /// The gateway of `method`. It may be unconfigured: then it refuses everything that needs the service.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(method: PaymentMethod, settings: &PaymentsSettings) -> Result<Self, PaymentsError> {
        settings.check()?;
        let adapter = service::adapter(method, settings);
        let access = adapter.access();
        Ok(Self { http: http_client(settings)?, settings: settings.clone(), adapter, access })
    }

    fn access(&self) -> Result<&Access, GatewayError> {
        let name = self.method().name();
        let message = || format!("there is no access to {name}");
        self.access.as_ref().ok_or_else(|| GatewayError::new(GatewayErrorKind::NotConfigured, message()))
    }

    /// Has `exchange` out with the service, and takes secrets out of its error.
    async fn run<T>(
        &self,
        exchange: Result<Exchange<T>, GatewayError>,
        time: Duration,
    ) -> Result<T, GatewayError> {
        let access = self.access()?;
        let result = self.steps(access, exchange?, time).await;
        result.map_err(|error| GatewayError {
            message: redact::for_operators(&error.message, &access.secrets),
            ..error
        })
    }

    async fn steps<T>(
        &self,
        access: &Access,
        mut exchange: Exchange<T>,
        time: Duration,
    ) -> Result<T, GatewayError> {
        let max_pages = self.adapter.max_pages();
        for _ in 0..max_pages {
            match self.exchange(access, exchange, time).await? {
                Step::Done(result) => return Ok(result),
                Step::Send(next) => exchange = *next,
            }
        }
        let message = format!("the list has more than {max_pages} pages");
        Err(GatewayError::new(GatewayErrorKind::OutcomeUnknown, message))
    }

    /// One request, repeated while that may help. Once an attempt may have had an effect, no later failure says that there
    /// was none.
    async fn exchange<T>(
        &self,
        access: &Access,
        exchange: Exchange<T>,
        time: Duration,
    ) -> Result<Step<T>, GatewayError> {
        let Exchange { request, read } = exchange;
        let mut patience = Patience::new(&self.settings, self.method(), Instant::now() + time);
        let mut may_have_happened = false;
        let answer = loop {
            let attempt = self.attempt(access, &request, patience.left()).await;
            let Some(wait) = patience.wait_after(&attempt) else { break attempt.answer };
            may_have_happened |= attempt.may_have_happened && request.method != Method::GET;
            tokio::time::sleep(wait).await;
        };
        answer.and_then(|response| read(&response)).map_err(|error| GatewayError {
            kind: if may_have_happened { GatewayErrorKind::OutcomeUnknown } else { error.kind },
            ..error
        })
    }

    async fn attempt(&self, access: &Access, request: &Request, left: Duration) -> Attempt {
        let time = left.min(Duration::from_millis(self.settings.attempt_timeout_ms));
        let asked_wait = |response: &Response| self.adapter.asked_wait(response);
        attempt::send(&self.http, access, request, time, asked_wait).await
    }

    /// The time for one request.
    fn time(&self) -> Duration {
        Duration::from_millis(self.settings.timeout_ms)
    }
}

#[async_trait::async_trait]
impl PaymentGateway for Gateway {
    fn method(&self) -> PaymentMethod {
        self.adapter.method()
    }

    async fn create(&self, order: &PaymentOrder) -> Result<GatewayPayment, GatewayError> {
        self.run(self.adapter.create(order), self.time()).await
    }

    async fn payment(&self, gateway_id: &str) -> Result<GatewayPayment, GatewayError> {
        self.run(self.adapter.payment(gateway_id), self.time()).await
    }

    async fn refund(&self, order: &RefundOrder) -> Result<GatewayRefund, GatewayError> {
        self.run(self.adapter.refund(order), self.time()).await
    }

    async fn refund_status(
        &self,
        gateway_id: &str,
        payment_gateway_id: &str,
    ) -> Result<GatewayRefund, GatewayError> {
        self.run(self.adapter.refund_status(gateway_id, payment_gateway_id), self.time()).await
    }

    async fn set_renewal(&self, payer_id: &str, gateway_id: &str, renews: bool) -> Result<(), GatewayError> {
        match self.adapter.set_renewal(payer_id, gateway_id, renews)? {
            Some(exchange) => self.run(Ok(exchange), self.time()).await,
            None => Ok(()),
        }
    }

    async fn records(&self, from: Timestamp, to: Timestamp) -> Result<Vec<GatewayRecord>, GatewayError> {
        self.run(Ok(self.adapter.records(from, to)), self.time()).await
    }

    fn proof_header(&self) -> Option<&'static str> {
        self.adapter.proof_header()
    }

    fn read_notification(&self, proof: Option<&str>, body: &[u8]) -> Result<Notification, NotificationError> {
        self.adapter.read_notification(proof, body)
    }

    async fn answer_pre_checkout(&self, query_id: &str, refusal: Option<&str>) -> Result<(), GatewayError> {
        match self.adapter.answer_pre_checkout(query_id, refusal) {
            Some(exchange) => self.run(Ok(exchange), self.time().min(PRE_CHECKOUT_TIME)).await,
            None => Ok(()),
        }
    }
}

/// How long an unused connection is kept. A request that crosses with its closing by the service is lost.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// Redirects are not followed, as they would carry our secrets elsewhere; nor does the environment choose a proxy.
fn http_client(settings: &PaymentsSettings) -> Result<reqwest::Client, PaymentsError> {
    // An error says that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || {
        reqwest::Client::builder()
            .connect_timeout(Duration::from_millis(settings.connect_timeout_ms))
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .tcp_nodelay(true)
            .user_agent(concat!("neuralbox/", env!("CARGO_PKG_VERSION")))
    };
    // A bare container has no certificates, and needs none to talk to a sandbox. Without any, every https service is
    // distrusted.
    builder().build().or_else(|error| {
        let client = builder().tls_certs_only([]).build().map_err(|_| PaymentsError::Http(error))?;
        tracing::warn!("this system has no CA certificates; payment services can be reached only by http");
        Ok(client)
    })
}
