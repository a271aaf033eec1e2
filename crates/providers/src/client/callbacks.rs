//! What vendors tell unasked, and whether it is theirs.

use super::{ClientError, VendorSettings};
use crate::{
    adapter::{Adapter, Callbacks},
    wire::standard_webhooks::{self, is_signed},
};
use domain::{port::Callback, time::Timestamp};
use secrecy::ExposeSecret;
use standardwebhooks::Webhook;

/// How one vendor's callbacks are taken.
pub(super) enum Verification {
    /// Not at all.
    Refused,
    /// By their address alone.
    Address,
    /// By their signature too.
    Signature(Webhook),
}

impl Verification {
    /// # Errors
    /// For what `given` sets that does not go with the vendor, or not together.
    pub(super) fn new(adapter: &dyn Adapter, given: &VendorSettings) -> Result<Self, ClientError> {
        let vendor = adapter.vendor();
        let scheme = adapter.media().map_or(Callbacks::None, |media| media.callbacks());
        let wrong = |message| ClientError::WebhookSecret { vendor, message };
        let secret = given.webhook_secret.as_ref().map(|secret| {
            standard_webhooks::secret(secret.expose_secret())
                .ok_or(wrong("must be whsec_ and base64 after it"))
        });
        match (scheme, given.callbacks, secret.transpose()?) {
            (Callbacks::None, true, _) => Err(ClientError::NoCallbacks { vendor }),
            (Callbacks::None | Callbacks::Unsigned, _, Some(_)) => {
                Err(wrong("is of no use: it signs nothing"))
            }
            (_, false, _) => Ok(Self::Refused),
            (Callbacks::Unsigned, true, None) => Ok(Self::Address),
            (Callbacks::StandardWebhooks, true, Some(secret)) => Ok(Self::Signature(secret)),
            (Callbacks::StandardWebhooks, true, None) => Err(wrong("is needed for its callbacks")),
        }
    }

    /// Whether the vendor is given an address.
    pub(super) const fn is_on(&self) -> bool {
        !matches!(self, Self::Refused)
    }

    pub(super) fn is_genuine(&self, callback: &Callback, now: Timestamp) -> bool {
        match self {
            Self::Refused => false,
            Self::Address => true,
            Self::Signature(secret) => is_signed(secret, callback, now),
        }
    }
}
