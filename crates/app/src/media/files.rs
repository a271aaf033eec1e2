//! Files by name: storing them, serving them, and removing them when their time has come.

use super::{INPUT_RETENTION_MS, UNSETTLED_MS, random_name};
use crate::{App, Caller, Error, media::inputs::disk, recover::Batch};
use domain::{
    id::{AccountId, GenerationId},
    plan::FREE_PLAN,
    time::Timestamp,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use media::{MediaKind, MediaType};
use std::path::Path;
use storage::{BlobStream, FileKind, FileRecord};
use tokio::{fs::File, io::AsyncWriteExt};

/// Expired files that are removed at a time.
const BATCH_LEN: u64 = 200;
/// As many of them at the same time: where they lie may be a network away.
const REMOVALS_AT_ONCE: usize = 16;

/// An upload that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upload {
    /// Where it is.
    pub url: String,
    /// Until when.
    pub expires_at: Option<Timestamp>,
}

/// A file that is being served.
pub struct OpenFile {
    /// What it is.
    pub record: FileRecord,
    /// Its bytes, or the part asked for.
    pub body: BlobStream,
}

impl App {
    /// Stores a client's file, which lies at `path`.
    ///
    /// # Errors
    /// [`Error::Validation`] when it is neither a picture nor a sound.
    pub async fn upload(&self, caller: &Caller, path: &Path) -> Result<Upload, Error> {
        let kinds = [MediaKind::Image, MediaKind::Audio];
        let media_type = self.look_at("file", path, &kinds).await?;
        let media_type = media_type.map_err(|wrong| Error::Validation(vec![wrong]))?;
        let record = self.store_file(caller.account_id, FileKind::Input, media_type, path).await?;
        Ok(Upload { url: self.file_url(&record.name), expires_at: record.expires_at })
    }

    /// What is known of a file, by its name.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is unknown or has expired.
    pub async fn find_file(&self, name: &str) -> Result<FileRecord, Error> {
        let found = self.storage().file(name, self.clock().now()).await?;
        found.map(|(_, record)| record).ok_or(Error::NotFound("file"))
    }

    /// Opens a file by its name, which is all that it takes to read it. `range` is in bytes, from the first to the one after
    /// the last.
    ///
    /// # Errors
    /// [`Error::NotFound`] when it is unknown or has expired.
    pub async fn open_file(
        &self,
        name: &str,
        range: impl FnOnce(u64) -> Option<std::ops::Range<u64>> + Send,
    ) -> Result<OpenFile, Error> {
        let record = self.find_file(name).await?;
        let size = u64::try_from(record.size_bytes).unwrap_or_default();
        let blob = self.inner.blobs.get_range(name, range(size)).await?;
        Ok(OpenFile { record, body: blob.stream })
    }

    /// Where a file of ours is found.
    pub fn file_url(&self, name: &str) -> String {
        format!("{}/api/v2/files/{name}", self.inner.settings.public_url())
    }

    /// The name of a file of ours that `url` leads to.
    pub(super) fn own_file_name<'a>(&self, url: &'a str) -> Option<&'a str> {
        url.strip_prefix(self.inner.settings.public_url())?.strip_prefix("/api/v2/files/")
    }

    /// Stores the file at `path` under a fresh name. What belongs to a generation is kept for a short while only, until its
    /// settle says otherwise.
    pub(super) async fn store_file(
        &self,
        account_id: AccountId,
        kind: FileKind,
        media_type: MediaType,
        path: &Path,
    ) -> Result<FileRecord, Error> {
        let size = tokio::fs::metadata(path).await.map_err(|error| disk(&error))?.len();
        let record = self.enter_file(account_id, kind, media_type, size).await?;
        self.inner.blobs.put_file(&record.name, path, &record.content_type).await?;
        Ok(record)
    }

    /// Stores a small file under a fresh name, as [`Self::store_file`] does.
    pub(super) async fn store_bytes(
        &self,
        account_id: AccountId,
        kind: FileKind,
        media_type: MediaType,
        bytes: Vec<u8>,
    ) -> Result<FileRecord, Error> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let record = self.enter_file(account_id, kind, media_type, size).await?;
        self.inner.blobs.put_bytes(&record.name, bytes.into(), &record.content_type).await?;
        Ok(record)
    }

    /// Enters a file before its bytes are stored, so that the worker finds them whatever happens in between. Gives its record
    /// as it will be in the end.
    async fn enter_file(
        &self,
        account_id: AccountId,
        kind: FileKind,
        media_type: MediaType,
        size: u64,
    ) -> Result<FileRecord, Error> {
        let created_at = self.clock().now();
        let (expires_at, entered_until) = match kind {
            FileKind::Input => {
                let expires_at = created_at.plus_ms(INPUT_RETENTION_MS);
                (Some(expires_at), expires_at)
            }
            FileKind::Result | FileKind::Thumbnail => {
                let expires_at = self.results_expire_at(account_id, created_at).await?;
                (expires_at, created_at.plus_ms(UNSETTLED_MS))
            }
        };
        let record = FileRecord {
            name: random_name(media_type.extension())?,
            kind,
            content_type: media_type.content_type().to_owned(),
            size_bytes: i64::try_from(size).unwrap_or(i64::MAX),
            created_at,
            expires_at,
        };
        let entered = FileRecord { expires_at: Some(entered_until), ..record.clone() };
        self.storage().create_file(account_id, entered).await?;
        Ok(record)
    }

    /// Brings a file of ours to `path`.
    pub(super) async fn download(&self, name: &str, path: &Path) -> Result<(), Error> {
        let mut blob = self.inner.blobs.get_range(name, None).await?;
        let mut file = File::create(path).await.map_err(|error| disk(&error))?;
        while let Some(bytes) = blob.stream.try_next().await? {
            file.write_all(&bytes).await.map_err(|error| disk(&error))?;
        }
        file.flush().await.map_err(|error| disk(&error))
    }

    /// Removes files that were stored for a generation and are not what it ended with: it had been ended before.
    pub(crate) async fn discard(
        &self,
        account_id: AccountId,
        id: GenerationId,
        files: &[FileRecord],
    ) -> Result<(), Error> {
        let record = self.storage().generation(account_id, id).await?;
        let kept = record.map(|record| [record.result_file, record.thumbnail_file]).unwrap_or_default();
        for file in files.iter().filter(|file| !kept.iter().flatten().any(|name| *name == file.name)) {
            self.inner.blobs.delete(&file.name).await?;
            self.storage().forget_file(account_id, &file.name).await?;
        }
        Ok(())
    }

    /// Until when the account's plan keeps results.
    pub(super) async fn results_expire_at(
        &self,
        account_id: AccountId,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error> {
        let wallet = self.storage().ledger().wallet(account_id).await?;
        let plan = wallet.plan(now).unwrap_or(FREE_PLAN);
        Ok(self.kept_until(plan, now))
    }

    /// Removes files whose time has come: first their bytes, then what is known of them.
    pub(crate) async fn remove_expired_files(&self) -> Result<Batch, Error> {
        let expired = self.storage().expired_files(self.clock().now(), BATCH_LEN).await?;
        let is_full = u64::try_from(expired.len()).is_ok_and(|found| found >= BATCH_LEN);
        let removals = stream::iter(expired).map(async |(account_id, name)| {
            // One that cannot be removed is left for the next round, and holds up none of the others.
            if let Err(error) = self.inner.blobs.delete(&name).await {
                tracing::error!(name, %error, "an expired file stays");
                return Ok(0);
            }
            self.storage().forget_file(account_id, &name).await.map(|()| 1)
        });
        let removed: Vec<usize> = removals.buffer_unordered(REMOVALS_AT_ONCE).try_collect().await?;
        Ok(Batch { is_full, done: removed.into_iter().sum() })
    }
}
