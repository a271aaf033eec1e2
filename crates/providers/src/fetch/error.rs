//! Why a file could not be fetched.

use super::resolve::NotPublic;
use reqwest::StatusCode;
use std::{error::Error, io};

/// Why a file could not be fetched. Addresses are not repeated: they may hold a signature.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// No address of a file on the web.
    #[error("the URL {0}")]
    BadUrl(&'static str),
    /// The host, or one that it redirects to, has no address in the open internet.
    #[error("the host's address is not public")]
    Forbidden,
    /// The host does not exist, or cannot be connected to. For operators.
    #[error("the host cannot be reached: {0}")]
    Unreachable(String),
    /// There is no such file, or no longer: 404 or 410.
    #[error("the file does not exist (status {0})")]
    Gone(u16),
    /// The host answered by a status other than 200.
    #[error("the host answered by status {0}")]
    Refused(u16),
    /// The host redirects too often.
    #[error("the host redirects too often")]
    TooManyRedirects,
    /// The file is larger than it may be.
    #[error("the file has more than {max_bytes} bytes")]
    TooLarge {
        /// Bytes it may have.
        max_bytes: u64,
    },
    /// The host could not be reached, was silent, or took too long for the whole.
    #[error("the host took too long")]
    Timeout,
    /// The file ended before it was complete.
    #[error("the file ended before it was complete")]
    Cut,
    /// It could not be written.
    #[error("the file cannot be written: {0}")]
    Disk(#[from] io::Error),
}

impl FetchError {
    /// What an error means that came in place of an answer.
    pub(super) fn before_body(error: reqwest::Error) -> Self {
        if error.is_timeout() {
            return Self::Timeout;
        }
        if error.is_builder() {
            return Self::BadUrl("cannot be asked for");
        }
        let mut line = String::new();
        let error = error.without_url();
        let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
        while let Some(error) = cause {
            if error.is::<NotPublic>() {
                return Self::Forbidden;
            }
            let separator = if line.is_empty() { "" } else { ": " };
            line = format!("{line}{separator}{error}");
            cause = error.source();
        }
        Self::Unreachable(line)
    }

    /// What an error means that came within a body.
    pub(super) fn within_body(error: &reqwest::Error) -> Self {
        if error.is_timeout() { Self::Timeout } else { Self::Cut }
    }

    /// What a status other than 200 means.
    pub(super) fn of_status(status: StatusCode) -> Self {
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => Self::Gone(status.as_u16()),
            _ => Self::Refused(status.as_u16()),
        }
    }
}
