//! Where a file may lie.

use super::FetchError;
use reqwest::{Response, Url, header::LOCATION};
use std::net::IpAddr;

/// The URL, if a file may be fetched from there. A host that is an address stands here in its one usual form, however it
/// was written (`http://2130706433/` is 127.0.0.1), and is checked here, as nobody resolves it; names are checked when
/// they are resolved.
pub(super) fn check<E>(url: Result<Url, E>, is_allowed: fn(IpAddr) -> bool) -> Result<Url, FetchError> {
    let url = url.map_err(|_| FetchError::BadUrl("is not a URL"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::BadUrl("must begin with http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(FetchError::BadUrl("must hold no user and no password"));
    }
    let host = url.host_str().ok_or(FetchError::BadUrl("has no host"))?;
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    if address.is_ok_and(|address| !is_allowed(address)) {
        return Err(FetchError::Forbidden);
    }
    Ok(url)
}

/// Where an answer redirects to.
pub(super) fn location(response: &Response) -> Option<&str> {
    response.headers().get(LOCATION)?.to_str().ok()
}
