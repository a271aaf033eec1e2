//! `name=value&…`, as it stands in URLs and forms.

use reqwest::Url;

/// Its pairs, decoded, in their order.
pub(crate) fn pairs(encoded: &str) -> Vec<(String, String)> {
    let Ok(mut url) = Url::parse("http://localhost/") else { return Vec::new() };
    url.set_query(Some(encoded));
    url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}
