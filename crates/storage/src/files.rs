//! Files by name: whose, what kind, and until when. Their bytes are elsewhere.

use crate::{
    Error, Storage,
    entity::{file, file_directory},
};
use domain::{id::AccountId, time::Timestamp};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::Expr,
};

/// What a file is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A client's, to be worked on.
    Input,
    /// What a generation made.
    Result,
    /// A small picture of it.
    Thumbnail,
}

impl FileKind {
    /// Its name in the database.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Result => "result",
            Self::Thumbnail => "thumbnail",
        }
    }
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRecord {
    /// Its unguessable name, unique in the installation.
    pub name: String,
    /// What it is for.
    pub kind: FileKind,
    /// Its kind, as found by looking at it.
    pub content_type: String,
    /// Its size.
    pub size_bytes: i64,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it goes; `None` when it stays.
    pub expires_at: Option<Timestamp>,
}

impl Storage {
    /// Enters a file. Its bytes are stored after this, so that none are ever stored that nobody knows of.
    ///
    /// # Errors
    /// The database's.
    pub async fn create_file(&self, account_id: AccountId, record: FileRecord) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        let entry =
            file_directory::ActiveModel { name: Set(record.name.clone()), account_id: Set(account_id.0) };
        let row = file::ActiveModel {
            account_id: Set(account_id.0),
            name: Set(record.name),
            kind: Set(record.kind.name().to_owned()),
            content_type: Set(record.content_type),
            size_bytes: Set(record.size_bytes),
            created_at_ms: Set(record.created_at.unix_ms()),
            expires_at_ms: Set(record.expires_at.map(Timestamp::unix_ms)),
        };
        file_directory::Entity::insert(entry).exec_without_returning(&transaction).await?;
        file::Entity::insert(row).exec_without_returning(&transaction).await?;
        self.db.commit(transaction, "create_file").await?;
        Ok(())
    }

    /// Whose file that is, and what kind; `None` when it is unknown or has expired at `now`.
    ///
    /// # Errors
    /// The database's.
    pub async fn file(&self, name: &str, now: Timestamp) -> Result<Option<(AccountId, FileRecord)>, Error> {
        let db = self.db.reader();
        let Some(entry) = file_directory::Entity::find_by_id(name).one(db).await? else { return Ok(None) };
        let row = file::Entity::find_by_id((entry.account_id, name.to_owned())).one(db).await?;
        let record = row.map(record).transpose()?;
        let record = record.filter(|record| record.expires_at.is_none_or(|expires_at| now < expires_at));
        Ok(record.map(|record| (AccountId(entry.account_id), record)))
    }

    /// Up to `limit` names of files that have expired at `now`.
    ///
    /// # Errors
    /// The database's.
    pub async fn expired_files(&self, now: Timestamp, limit: u64) -> Result<Vec<(AccountId, String)>, Error> {
        let query = file::Entity::find()
            .filter(file::Column::ExpiresAtMs.lte(now.unix_ms()))
            .order_by_asc(file::Column::ExpiresAtMs)
            .limit(limit);
        let rows = query.all(self.db.reader()).await?;
        Ok(rows.into_iter().map(|row| (AccountId(row.account_id), row.name)).collect())
    }

    /// Forgets a file whose bytes are gone.
    ///
    /// # Errors
    /// The database's.
    pub async fn forget_file(&self, account_id: AccountId, name: &str) -> Result<(), Error> {
        let transaction = self.db.begin().await?;
        file_directory::Entity::delete_by_id(name).exec(&transaction).await?;
        file::Entity::delete_by_id((account_id.0, name.to_owned())).exec(&transaction).await?;
        self.db.commit(transaction, "forget_file").await?;
        Ok(())
    }
}

/// Keeps files that were entered for a short while until they expire by these records, in the caller's transaction. One
/// whose while was over `at` that time may be gone: nothing that needs it may be written.
pub(crate) async fn keep<C: ConnectionTrait>(
    db: &C,
    account_id: AccountId,
    records: &[FileRecord],
    at: Timestamp,
) -> Result<(), DbErr> {
    for record in records {
        let kept = file::Entity::update_many()
            .col_expr(file::Column::ExpiresAtMs, Expr::value(record.expires_at.map(Timestamp::unix_ms)))
            .filter(file::Column::AccountId.eq(account_id.0))
            .filter(file::Column::Name.eq(&record.name))
            .filter(file::Column::ExpiresAtMs.gt(at.unix_ms()))
            .exec(db)
            .await?;
        if kept.rows_affected != 1 {
            return Err(DbErr::Custom(format!("the file {} is no longer there", record.name)));
        }
    }
    Ok(())
}

fn record(row: file::Model) -> Result<FileRecord, Error> {
    let kinds = [FileKind::Input, FileKind::Result, FileKind::Thumbnail];
    let kind = kinds.into_iter().find(|kind| kind.name() == row.kind);
    Ok(FileRecord {
        kind: kind.ok_or_else(|| Error::BadRow(format!("files, name {}", row.name)))?,
        name: row.name,
        content_type: row.content_type,
        size_bytes: row.size_bytes,
        created_at: Timestamp::from_unix_ms(row.created_at_ms),
        expires_at: row.expires_at_ms.map(Timestamp::from_unix_ms),
    })
}
