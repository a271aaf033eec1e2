//! What pages of other origins may do here, by the Fetch standard's rules for requests across origins.

use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use std::time::Duration;
use tower_http::cors::CorsLayer;

/// How long a browser may go by what it was told before it asks again.
const MAX_AGE: Duration = Duration::from_secs(600);
const METHODS: [Method; 4] = [Method::GET, Method::POST, Method::PATCH, Method::DELETE];
const REQUEST_HEADERS: [HeaderName; 5] = [
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    HeaderName::from_static("x-request-id"),
];
const EXPOSED_HEADERS: [HeaderName; 8] = [
    HeaderName::from_static("ratelimit-limit"),
    HeaderName::from_static("ratelimit-remaining"),
    HeaderName::from_static("ratelimit-reset"),
    header::RETRY_AFTER,
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("idempotent-replayed"),
    HeaderName::from_static("preference-applied"),
    header::LOCATION,
];

/// Origins whose pages may read answers, and send what a sign-in is kept by.
#[derive(Clone, Debug, Default)]
pub struct CorsOrigins(Vec<HeaderValue>);

impl CorsOrigins {
    /// Reads origins, parted by commas: `https://app.example.org, http://localhost:5173`. There are no wildcards: whoever is
    /// named here may act for the people who have signed in.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let origin = |part: &str| {
            let value = is_origin(part).then(|| HeaderValue::from_str(part).ok()).flatten();
            value.ok_or_else(|| format!("{part} is no origin such as https://app.example.org"))
        };
        Ok(Self(parts.map(origin).collect::<Result<_, _>>()?))
    }

    /// The layer that answers browsers; none when no origin is named.
    pub(crate) fn layer(&self) -> Option<CorsLayer> {
        let layer = CorsLayer::new()
            .allow_origin(self.0.clone())
            .allow_credentials(true)
            .allow_methods(METHODS)
            .allow_headers(REQUEST_HEADERS)
            .expose_headers(EXPOSED_HEADERS)
            .max_age(MAX_AGE);
        (!self.0.is_empty()).then_some(layer)
    }
}

/// Whether it is written as browsers write origins: scheme, host and port, in small letters, and nothing else.
fn is_origin(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return false };
    let port = authority.port_u16();
    let is_default = matches!((scheme, port), ("http", Some(80)) | ("https", Some(443)));
    ["http", "https"].contains(&scheme)
        && !is_default
        && text == format!("{scheme}://{authority}")
        && text == text.to_ascii_lowercase()
        && !authority.as_str().contains(['@', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_written_as_browsers_write_them() {
        let read = |text: &str| CorsOrigins::parse(text).map(|origins| origins.0.len());
        assert_eq!(read(""), Ok(0));
        assert_eq!(read("https://app.example.org"), Ok(1));
        assert_eq!(read("https://app.example.org, http://localhost:5173,http://[::1]:8080,"), Ok(3));
        for wrong in [
            "*",
            "null",
            "app.example.org",
            "ftp://app.example.org",
            "https://app.example.org/",
            "https://app.example.org/page",
            "https://APP.example.org",
            "https://*.example.org",
            "https://user@example.org",
            "https://example.org:443",
            "https://a.example.org https://b.example.org",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
