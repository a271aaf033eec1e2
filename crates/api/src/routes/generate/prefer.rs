//! `Prefer` (RFC 7240): how long a client waits.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::time::Duration;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// A wait for longer counts as this.
const MAX_WAIT_S: u64 = 60;

/// What the client prefers. What is not understood is left alone, as the RFC asks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// Waits so long for the end.
    pub(crate) wait: Option<Duration>,
    /// Wants an answer at once, whatever the model.
    pub(crate) is_async: bool,
}

impl Prefer {
    pub(crate) fn read(headers: &HeaderMap) -> Self {
        let lines = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        let mut prefer = Self::default();
        for preference in lines.flat_map(|line| line.split(',')).map(str::trim) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            match (name.trim().to_ascii_lowercase().as_str(), value.trim().trim_matches('"').parse::<u64>()) {
                ("wait", Ok(seconds)) => prefer.wait = Some(Duration::from_secs(seconds.min(MAX_WAIT_S))),
                ("respond-async", _) => prefer.is_async = true,
                _ => {}
            }
        }
        prefer
    }

    /// How long the client waits; `None` when it says nothing about that.
    pub(crate) fn patience(self) -> Option<Duration> {
        self.wait.or(self.is_async.then_some(Duration::ZERO))
    }

    /// The header that says what was done.
    pub(crate) fn applied(self) -> HeaderMap {
        let mut words = Vec::new();
        words.extend(self.is_async.then(|| "respond-async".to_owned()));
        words.extend(self.wait.map(|wait| format!("wait={}", wait.as_secs())));
        let value = HeaderValue::from_str(&words.join(", ")).ok().filter(|_| !words.is_empty());
        value.map(|value| (PREFERENCE_APPLIED, value)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read() {
        let check = |text: &str, wait_s: Option<u64>, is_async: bool| {
            let headers = HeaderMap::from_iter([(PREFER, HeaderValue::from_str(text).unwrap())]);
            let expected = Prefer { wait: wait_s.map(Duration::from_secs), is_async };
            assert_eq!(Prefer::read(&headers), expected, "{text}");
        };
        check("wait=5", Some(5), false);
        check("wait=600", Some(60), false);
        check("Respond-Async, wait=\"10\"", Some(10), true);
        check("respond-async", None, true);
        check("wait=soon, return=minimal", None, false);
    }
}
