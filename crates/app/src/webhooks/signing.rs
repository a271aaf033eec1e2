//! Secrets that messages are signed with. None is stored: each is made of the installation's own.

use crate::{App, Error};
use domain::{
    id::{AccountId, EndpointId},
    time::Timestamp,
    webhook::ROTATION_OVERLAP_MS,
};
use standardwebhooks::Webhook;
use storage::EndpointRecord;

/// What secrets for webhooks are made for, and nothing else is.
const PURPOSE: &str = "webhook";
/// Standard Webhooks: how a secret is written down.
const PREFIX: &str = "whsec_";

/// The secrets that sign for an endpoint at `now`, the latest first.
pub(super) fn rotations(endpoint: &EndpointRecord, now: Timestamp) -> Vec<i64> {
    let is_over = |at: Timestamp| now.ms_since(at) >= ROTATION_OVERLAP_MS;
    let oldest =
        if endpoint.rotated_at.is_none_or(is_over) { endpoint.rotation } else { endpoint.oldest_rotation };
    (oldest..=endpoint.rotation).rev().collect()
}

impl App {
    /// A secret as its owner sees it. The account's own, for addresses of single generations, is that of no endpoint.
    pub(super) fn webhook_secret(
        &self,
        account_id: AccountId,
        endpoint_id: Option<EndpointId>,
        rotation: i64,
    ) -> String {
        let key = self.webhook_key(account_id, endpoint_id, rotation);
        let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
        format!("{PREFIX}{encoded}")
    }

    fn webhook_key(&self, account_id: AccountId, endpoint_id: Option<EndpointId>, rotation: i64) -> [u8; 32] {
        let endpoint_id = endpoint_id.map_or(0, |id| id.0);
        self.inner.master_secret.derive(PURPOSE, &[account_id.0, endpoint_id, rotation])
    }

    /// The header that proves a message, with a signature by each secret.
    pub(super) fn sign_webhook(
        &self,
        (account_id, endpoint_id): (AccountId, Option<EndpointId>),
        rotations: &[i64],
        message_id: &str,
        now: Timestamp,
        body: &str,
    ) -> Result<String, Error> {
        let unix_s = now.unix_ms().div_euclid(1_000);
        let signatures: Result<Vec<String>, _> = rotations
            .iter()
            .map(|rotation| {
                let key = self.webhook_key(account_id, endpoint_id, *rotation);
                Webhook::from_bytes(key.to_vec())?.sign(message_id, unix_s, body.as_bytes())
            })
            .collect();
        let signatures = signatures.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(signatures.join(" "))
    }
}
