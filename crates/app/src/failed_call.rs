//! A call to a vendor that came to nothing.

use crate::{Error, measure::count_vendor_error};
use domain::{ledger::Failure, port::ProviderError};

/// Why a call came to nothing, and what that costs us.
#[derive(Clone, Debug)]
pub(crate) struct FailedCall {
    pub(crate) error: Error,
    /// Whether the vendor is known to charge nothing for it.
    pub(crate) is_free: bool,
}

impl FailedCall {
    /// What `vendor` said of a call of `model`.
    pub(crate) fn at_vendor(error: &ProviderError, vendor: &str, model: &str) -> Self {
        count_vendor_error(vendor, error.kind.name());
        Self { error: Error::from_provider(error, vendor, model), is_free: error.is_free }
    }

    /// What goes on record of it.
    pub(crate) fn failure(&self) -> Failure {
        Failure { is_free: self.is_free, ..self.error.failure() }
    }
}

/// What fails on our side says nothing about what the vendor has done before.
impl From<Error> for FailedCall {
    fn from(error: Error) -> Self {
        Self { error, is_free: false }
    }
}
