//! Spans as OpenTelemetry traces, sent to a collector.

use crate::settings::SettingsError;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{SdkTracerProvider, Tracer},
};
use reqwest::{blocking::Client, redirect::Policy};
use std::{thread, time::Duration};

/// The name under which traces come.
const SERVICE: &str = "neuralbox";
/// How long the collector may take for a batch.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Has traces go out until it is dropped, which sends the last of them.
#[must_use = "traces stop when it is dropped"]
pub(crate) struct Traces {
    provider: Option<SdkTracerProvider>,
}

impl Traces {
    /// A way to the collector at `url`, if there is one, by OTLP over HTTP. Spans go out in batches, from a thread of their own.
    ///
    /// # Errors
    /// Names `log.otlp_url` when it cannot be used.
    pub(super) fn start(url: Option<&str>) -> Result<Self, SettingsError> {
        let Some(url) = url else { return Ok(Self { provider: None }) };
        let bad = |message: String| SettingsError::bad("log.otlp_url", message);
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(http_client().map_err(bad)?)
            .with_endpoint(format!("{}/v1/traces", url.trim_end_matches('/')));
        let exporter = exporter.build().map_err(|error| bad(error.to_string()))?;
        let resource = Resource::builder().with_service_name(SERVICE).build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource);
        Ok(Self { provider: Some(provider.build()) })
    }

    /// What turns spans into traces.
    pub(super) fn tracer(&self) -> Option<Tracer> {
        self.provider.as_ref().map(|provider| provider.tracer(SERVICE))
    }
}

impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(provider) = &self.provider
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last traces did not get out");
        }
    }
}

/// One that waits, for the thread that exports has no runtime. It is made on a thread of its own, as it waits there too.
fn http_client() -> Result<Client, String> {
    // An error says that the process already has a provider, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = || Client::builder().timeout(TIMEOUT).redirect(Policy::none()).no_proxy();
    // A bare container has no certificates, and needs none for a collector beside it.
    let making = thread::spawn(move || builder().build().or_else(|_| builder().tls_certs_only([]).build()));
    let client = making.join().map_err(|_| "an HTTP client cannot be made".to_owned())?;
    client.map_err(|error| error.to_string())
}
