//! A name for each request, in its log lines, its response, and the message of an internal error.

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue},
    response::Response,
};
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");
const MAX_CHARS: usize = 128;

tokio::task_local! {
    static CURRENT: String;
}

/// The name of the request being answered; empty outside of one.
pub(crate) fn current() -> String {
    CURRENT.try_with(Clone::clone).unwrap_or_default()
}

/// Names the request (as the client does, if what it sent is sane), spans it, and logs how it ended.
pub(crate) async fn named<F: Future<Output = Response>>(
    request: Request,
    answer: impl FnOnce(Request) -> F,
) -> Response {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok());
    let id = given.filter(|id| is_sane(id)).map_or_else(generate, str::to_owned);
    let span = tracing::info_span!(
        "request",
        request_id = id,
        method = %request.method(),
        path = shown_path(&request),
    );
    let answer = async {
        let response = answer(request).await;
        tracing::info!(status = response.status().as_u16(), "answered");
        response
    };
    let mut response = CURRENT.scope(id.clone(), answer.instrument(span)).await;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

/// The path alone, for a query may hold what does not belong in a log; and without a name that nobody can guess, for that is all
/// it takes to read a file, or to have a job asked after.
fn shown_path(request: &Request) -> &str {
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let is_secret = |route: &&str| route.contains("{name}") || route.contains("{token}");
    route.filter(is_secret).unwrap_or_else(|| request.uri().path())
}

/// Letters, digits and a little punctuation: nothing that could mean something in a log or a header.
fn is_sane(id: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    (1..=MAX_CHARS).contains(&id.len()) && id.bytes().all(is_plain)
}

fn generate() -> String {
    let mut bytes = [0_u8; 16];
    // Without randomness it names nothing, and the request is answered all the same.
    let _ = getrandom::fill(&mut bytes);
    format!("req_{:032x}", u128::from_be_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sane_ids_are_taken_over() {
        for sane in ["a", "req-1_2.3:4", &"x".repeat(128)] {
            assert!(is_sane(sane), "{sane}");
        }
        for wild in ["", "a b", "a\"b", "ä", "a\nb", &"x".repeat(129)] {
            assert!(!is_sane(wild), "{wild}");
        }
        assert!(is_sane(&generate()));
    }
}
