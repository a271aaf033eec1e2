//! The database, SQLite or PostgreSQL: repositories, and the ledger, which is the only writer of balances. And
//! [`Blobs`], where files lie.
//!
//! Entities are private. No transaction outlives a call into this crate, so none is ever open over a vendor call.

mod accounts;
mod audit;
mod billing;
mod bindings;
mod blobs;
mod commits;
mod db;
mod entity;
mod entries;
mod erasure;
mod error;
mod files;
mod gauges;
mod generations;
mod history;
mod ids;
mod installation;
mod jobs;
mod keys;
mod ledger;
mod nodes;
mod rowset;
mod schema;
mod sessions;
mod texts;
mod usage;
mod vendor_bill;
mod webhooks;

pub use accounts::{AccountRecord, Identity, NewAccount, ProfileChange, Starter};
pub use audit::{AuditFilter, AuditNote, AuditOutcome, AuditRecord};
pub use billing::{BillingWrite, DailyClaim, NewEvent, PaymentName};
pub use bindings::BoundRequest;
pub use blobs::{Blob, BlobError, BlobSettings, BlobStream, Blobs, S3Settings};
pub use commits::{CommitWatch, Moment};
pub use db::{DbSettings, PoolUse};
pub use entries::EntryRecord;
pub use error::Error;
pub use files::{FileKind, FileRecord};
pub use gauges::StorageGauges;
pub use generations::{GenerationRecord, GenerationStatus};
pub use history::{HistoryFilter, HistoryPlace};
pub use installation::Mode;
pub use jobs::{ClaimedJob, JobRecord, JobUpdate, NewJob};
pub use keys::{KeyOutcome, KeyRecord, NewKey, Principal};
pub use ledger::{Completion, Hold, Ledger, LedgerError, Listener, VerifyProblem, VerifyReport};
pub use nodes::NodeBeat;
pub use schema::SchemaState;
pub use sessions::{SessionPrincipal, SessionRecord};
pub use usage::{OpenDays, Usage};
pub use vendor_bill::VendorBill;
pub use webhooks::{
    AttemptOutcome, ClaimedDelivery, DeliveryRecord, DeliveryStatus, DueDelivery, EndpointRecord,
    EventRecord, Lane, NewDelivery, NewEndpoint, NewsRecord,
};

use commits::Watched;
use db::Db;
use domain::port::Clock;
use ids::Ids;
use std::sync::Arc;

/// A connected database. Clones share it.
#[derive(Clone)]
pub struct Storage {
    db: Db,
    clock: Arc<dyn Clock>,
    ids: Arc<Ids>,
    ledger: Ledger,
}

impl Storage {
    /// Connects. The schema may still be missing: see [`Storage::schema_state`].
    ///
    /// # Errors
    /// [`Error::BadUrl`] for a URL of neither database, [`Error::Unavailable`] when it cannot be reached.
    pub async fn connect(settings: &DbSettings, clock: Arc<dyn Clock>) -> Result<Self, Error> {
        Self::open(settings, clock, Watched::default()).await
    }

    /// As [`Self::connect`], with a watch over what is committed. For tests.
    ///
    /// # Errors
    /// As [`Self::connect`].
    pub async fn connect_watched(
        settings: &DbSettings,
        clock: Arc<dyn Clock>,
        watch: Arc<dyn CommitWatch>,
    ) -> Result<Self, Error> {
        Self::open(settings, clock, Watched(Some(watch))).await
    }

    async fn open(settings: &DbSettings, clock: Arc<dyn Clock>, watched: Watched) -> Result<Self, Error> {
        let db = Db::connect(settings, watched).await?;
        let ledger = Ledger::start(db.clone(), Arc::clone(&clock));
        Ok(Self { ids: Arc::new(Ids::new(db.clone())), db, clock, ledger })
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// A number that nothing in this installation has had before.
    ///
    /// # Errors
    /// The database's, when a new block of ids has to be reserved.
    pub async fn next_id(&self) -> Result<i64, Error> {
        self.ids.next().await
    }
}
