//! What an account has generated, newest first.

use super::GenerationView;
use crate::{App, Caller, Error};
use domain::{id::GenerationId, params::FieldError};
use storage::{GenerationRecord, GenerationStatus, HistoryFilter};

/// A history is counted so far, and can be paged through so far; what is older is reached by [`HistoryRequest::before`].
pub const MAX_HISTORY_DEPTH: u64 = 10_000;

/// A page of a history, as asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRequest {
    /// Which generations.
    pub filter: HistoryFilter,
    /// Only what was begun before this generation.
    pub before: Option<GenerationId>,
    /// Generations to pass over.
    pub offset: u64,
    /// Generations to give, at most.
    pub limit: u64,
}

/// A page of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryPage {
    /// The generations, newest first.
    pub generations: Vec<GenerationView>,
    /// How many there are on all pages, [`MAX_HISTORY_DEPTH`] at most.
    pub total: u64,
    /// Whether there are more than that.
    pub is_capped: bool,
}

impl App {
    /// A page of the caller's generations.
    ///
    /// # Errors
    /// [`Error::Validation`] when there is no generation to begin before; the database's.
    pub async fn history(&self, caller: &Caller, request: HistoryRequest) -> Result<HistoryPage, Error> {
        let HistoryRequest { filter, before, offset, limit } = request;
        let Some(filter) = self.sensible(filter) else {
            return Ok(HistoryPage { generations: Vec::new(), total: 0, is_capped: false });
        };
        let (account_id, storage) = (caller.account_id, self.storage());
        let place = match before {
            Some(id) => {
                let place = storage.history_place(account_id, id).await?;
                Some(place.ok_or_else(|| {
                    Error::Validation(vec![FieldError::new("before", "is no generation of yours")])
                })?)
            }
            None => None,
        };
        let records = storage.history(account_id, &filter, place, offset, limit).await?;
        let len = storage.history_len(account_id, &filter, MAX_HISTORY_DEPTH + 1).await?;
        let generations = self.views(caller, records).await?;
        Ok(HistoryPage { generations, total: len.min(MAX_HISTORY_DEPTH), is_capped: len > MAX_HISTORY_DEPTH })
    }

    /// A model makes one kind of thing: to ask for both is to ask for the model alone, or for nothing.
    fn sensible(&self, filter: HistoryFilter) -> Option<HistoryFilter> {
        let model = filter.model_slug.as_deref().and_then(|slug| self.catalog().model(slug));
        match (model, filter.category) {
            (Some(model), Some(category)) if model.category != category => None,
            (Some(_), _) => Some(HistoryFilter { category: None, ..filter }),
            (None, _) => Some(filter),
        }
    }

    /// Generations as their owner sees them now.
    async fn views(
        &self,
        caller: &Caller,
        records: Vec<GenerationRecord>,
    ) -> Result<Vec<GenerationView>, Error> {
        let pending = records.iter().filter(|record| record.status == GenerationStatus::Pending);
        let pending: Vec<GenerationId> = pending.map(|record| record.id).collect();
        let progress = self.storage().progress(caller.account_id, &pending).await?;
        let wallet = self.storage().ledger().wallet(caller.account_id).await?;
        let balance_tokens = wallet.spendable_tokens(self.clock().now());
        let view = |record: GenerationRecord| {
            let progress = progress.get(&record.id).copied();
            self.view(record, balance_tokens, progress)
        };
        Ok(records.into_iter().map(view).collect())
    }
}
