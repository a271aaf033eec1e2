//! What operators want to know of a time.

use crate::{App, Error};
use domain::{
    billing::report::{Report, ReportTerms},
    params::FieldError,
    time::Timestamp,
};

impl App {
    /// What was sold, spent and earned from `from` up to `to`, and what is owed then. A dollar is `kopecks_per_usd`, or what
    /// the catalog says. `progress` hears now and then how many accounts and entries are done.
    ///
    /// # Errors
    /// [`Error::Validation`] for a time that ends before it begins, or a dollar that costs nothing; or the database's.
    pub async fn billing_report(
        &self,
        from: Timestamp,
        to: Timestamp,
        kopecks_per_usd: Option<i64>,
        progress: impl FnMut(i64, i64) + Send,
    ) -> Result<Report, Error> {
        let kopecks_per_usd = kopecks_per_usd.unwrap_or(self.catalog().kopecks_per_usd());
        let mut wrong = Vec::new();
        if to <= from {
            wrong.push(FieldError::new("to", "must be later than from".to_owned()));
        }
        if kopecks_per_usd <= 0 {
            wrong.push(FieldError::new("kopecks_per_usd", "must be above 0".to_owned()));
        }
        if !wrong.is_empty() {
            return Err(Error::Validation(wrong));
        }
        let kopecks_per_star = self.inner.settings.billing.kopecks_per_star;
        let terms = ReportTerms { from, to, kopecks_per_star, kopecks_per_usd };
        Ok(self.storage().billing_report(terms, progress).await?)
    }
}
