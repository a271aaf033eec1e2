//! What can be made to go wrong, and the words for it.

use crate::trouble::Trouble;
use std::time::Duration;

/// Longest delay that can be asked for.
pub(crate) const MAX_DELAY_MS: u64 = 600_000;

/// One way to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The vendor's own trouble.
    Internal,
    /// The vendor refuses the key.
    BadKey,
    /// Too many requests.
    RateLimited,
    /// The money at the vendor is gone.
    Quota,
    /// The vendor has too much to do.
    Overloaded,
    /// The vendor refuses the content.
    Refuse,
    /// An error that arrives after, or in spite of, HTTP 200.
    ErrorIn200,
    /// HTTP 200 with a body that is not the protocol.
    Malformed,
    /// The connection closes in the middle of the body.
    Cut,
    /// No answer, or no more of it, until one side gives up.
    Hang,
    /// A job that fails for no reason of ours.
    JobFailed,
    /// A job that never ends.
    JobStuck,
    /// A result whose address answers 404.
    ResultGone,
    /// A result whose address fails the first times that it is asked for.
    ResultFlaky,
    /// A page of HTML in place of the result.
    WrongType,
    /// A result that goes on and on.
    Oversized,
}

/// What a request is about, which decides what can go wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// It is answered at once.
    Answer,
    /// It starts a job.
    Job,
    /// It looks at a job, or is about something else than a result.
    Look,
}

impl Fault {
    /// All of them, with the words that call them.
    pub(crate) const NAMES: [(&str, Self); 16] = [
        ("500", Self::Internal),
        ("401", Self::BadKey),
        ("429", Self::RateLimited),
        ("quota", Self::Quota),
        ("overloaded", Self::Overloaded),
        ("refuse", Self::Refuse),
        ("error-in-200", Self::ErrorIn200),
        ("malformed", Self::Malformed),
        ("cut", Self::Cut),
        ("hang", Self::Hang),
        ("job-failed", Self::JobFailed),
        ("job-stuck", Self::JobStuck),
        ("result-gone", Self::ResultGone),
        ("result-flaky", Self::ResultFlaky),
        ("wrong-type", Self::WrongType),
        ("oversized", Self::Oversized),
    ];

    /// The fault of that name.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault)
    }

    /// Whether it can happen to a request of this scope.
    pub(crate) const fn strikes(self, scope: Scope) -> bool {
        match self {
            Self::JobFailed | Self::JobStuck => matches!(scope, Scope::Job),
            Self::Refuse | Self::ResultGone | Self::ResultFlaky | Self::WrongType | Self::Oversized => {
                !matches!(scope, Scope::Look)
            }
            _ => true,
        }
    }

    /// Whether it happens to a job or its result, long after the answer to the request.
    pub(crate) const fn is_of_result(self) -> bool {
        matches!(
            self,
            Self::JobFailed
                | Self::JobStuck
                | Self::ResultGone
                | Self::ResultFlaky
                | Self::WrongType
                | Self::Oversized
        )
    }

    /// The trouble that answers the request, where the fault is one; a refusal is to most vendors.
    pub(crate) const fn trouble(self) -> Option<Trouble> {
        match self {
            Self::Internal => Some(Trouble::Internal),
            Self::BadKey => Some(Trouble::BadKey),
            Self::RateLimited => Some(Trouble::RateLimited),
            Self::Quota => Some(Trouble::Quota),
            Self::Overloaded => Some(Trouble::Overloaded),
            Self::Refuse => Some(Trouble::Refused),
            _ => None,
        }
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, fault)| *fault == self).map_or("", |(name, _)| name)
    }
}

/// A delay written in milliseconds; `None` when it is not a number or too long.
pub(crate) fn parse_delay(ms: &str) -> Option<Duration> {
    ms.parse().ok().filter(|ms| *ms <= MAX_DELAY_MS).map(Duration::from_millis)
}

/// What is done to one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Injection {
    /// How it fails.
    pub(crate) fault: Option<Fault>,
    /// How long the first byte is held back.
    pub(crate) delay: Option<Duration>,
}

impl Injection {
    /// Reads `[[fault:…]]` and `[[delay:…]]` in a prompt; the first of each counts. Words that it does not know are
    /// left alone: a prompt may say anything.
    pub(crate) fn in_words(text: &str) -> Self {
        let mut found = Self::default();
        for piece in text.split("[[").skip(1) {
            let words = piece.split_once("]]").and_then(|(words, _)| words.split_once(':'));
            match words {
                Some(("fault", name)) => found.fault = found.fault.or(Fault::parse(name)),
                Some(("delay", ms)) => found.delay = found.delay.or(parse_delay(ms)),
                _ => {}
            }
        }
        found
    }
}
