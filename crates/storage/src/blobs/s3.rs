//! Reaching an S3-compatible store.

use super::{BlobError, S3Settings};
use object_store::{
    ClientOptions, Result, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    client::{HttpClient, HttpConnector},
};
use secrecy::ExposeSecret;
use std::time::Duration;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the store may be silent. The whole of a file has no limit: whoever reads it may be slow.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);
const MAX_RETRIES: usize = 3;
const RETRY_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) fn open(bucket: &str, settings: &S3Settings) -> Result<AmazonS3, BlobError> {
    let S3Settings { endpoint, region, access_key_id, secret_access_key, allow_http } = settings;
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(bucket)
        .with_region(region.as_deref().unwrap_or("us-east-1"))
        .with_retry(RetryConfig {
            max_retries: MAX_RETRIES,
            retry_timeout: RETRY_TIMEOUT,
            ..RetryConfig::default()
        })
        .with_http_connector(Connector);
    if let Some(endpoint) = endpoint {
        let is_allowed = endpoint.starts_with("https://") || *allow_http && endpoint.starts_with("http://");
        if !is_allowed {
            return Err(BlobError::BadSettings(
                "the endpoint must begin with https://, or with http:// where allow_http is set",
            ));
        }
        builder = builder.with_endpoint(endpoint).with_allow_http(*allow_http);
    }
    match (access_key_id, secret_access_key) {
        (Some(id), Some(secret)) => {
            builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose_secret());
        }
        (None, None) => {}
        _ => return Err(BlobError::BadSettings("an access key has an id and a secret, both or neither")),
    }
    Ok(builder.build()?)
}

/// Makes the HTTP client as the rest of the house has it: no proxy out of the environment, and no certificates needed
/// where none are there. Its limits stand here and not in the options that it is given.
#[derive(Debug)]
struct Connector;

impl HttpConnector for Connector {
    fn connect(&self, _: &ClientOptions) -> Result<HttpClient> {
        // An error says that the process already has a provider, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            reqwest::Client::builder()
                .connect_timeout(CONNECT_TIMEOUT)
                .read_timeout(IDLE_TIMEOUT)
                .no_proxy()
                .user_agent(concat!("neuralbox/", env!("CARGO_PKG_VERSION")))
        };
        let client = builder().build().or_else(|_| builder().tls_certs_only([]).build());
        let client =
            client.map_err(|error| object_store::Error::Generic { store: "S3", source: error.into() })?;
        Ok(HttpClient::new(client))
    }
}
