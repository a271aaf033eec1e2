//! What vendors tell of jobs unasked: only ever a hint to ask now.

use super::random_name;
use crate::{App, Error};
use domain::port::Callback;

impl App {
    /// An address at which `vendor` may tell that a job has moved, where that is wanted and it can reach this service. Nobody
    /// can guess it, and it names the vendor, so that what comes in can be checked before anything is looked up.
    pub(crate) fn callback_url(&self, vendor: &str) -> Result<Option<String>, Error> {
        let (provider, settings) = (&self.inner.provider, &self.inner.settings);
        let can_reach = settings.is_public || provider.is_private(vendor);
        if !(can_reach && provider.takes_callbacks(vendor)) {
            return Ok(None);
        }
        let token = random_name(vendor)?;
        Ok(Some(format!("{}/api/v2/callbacks/{token}", settings.public_url())))
    }

    /// A vendor says that a job has moved. What it says is not read: the job is asked after now, and nothing else comes of
    /// it, however often it comes.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a token that is no job's, and for what is not signed as the vendor signs.
    pub async fn hasten_job(&self, token: &str, callback: &Callback) -> Result<(), Error> {
        let now = self.clock().now();
        let vendor = token.rsplit_once('.').map_or("", |(_, vendor)| vendor);
        if !self.inner.provider.is_genuine(vendor, callback, now) {
            tracing::warn!(vendor, "a callback that is not the vendor's own");
            return Err(Error::NotFound("job"));
        }
        let is_known = self.storage().hasten_job(token, now).await?;
        if is_known { Ok(()) } else { Err(Error::NotFound("job")) }
    }
}
