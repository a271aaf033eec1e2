//! The cookie of a refresh token. Scripts do not see it, other sites cannot have it sent, and it goes to `/auth` alone.

use axum::http::{HeaderMap, header};

const NAME: &str = "neuralbox_refresh";

/// What the browser sends.
pub(super) fn read(headers: &HeaderMap) -> Option<&str> {
    let lists = headers.get_all(header::COOKIE).iter().filter_map(|list| list.to_str().ok());
    let mut pairs = lists.flat_map(|list| list.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(name, value)| (name == NAME).then_some(value))
}

/// What the browser is told to keep; nothing for 0 seconds.
pub(super) fn write(token: &str, max_age_s: i64, is_https: bool) -> String {
    let secure = if is_https { "; Secure" } else { "" };
    format!("{NAME}={token}; Path=/api/v2/auth; Max-Age={max_age_s}; HttpOnly; SameSite=Strict{secure}")
}
