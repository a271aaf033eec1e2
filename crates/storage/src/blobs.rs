//! Files: results and inputs, in a local folder or an S3-compatible store.
//!
//! A file is written once under a name that nobody can guess, whole or not at all, and never changed.

mod error;
mod s3;
mod settings;

pub use error::BlobError;
pub use settings::{BlobSettings, S3Settings};

use bytes::{Bytes, BytesMut};
use futures_util::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::{
    Attribute, AttributeValue, Attributes, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutOptions,
    buffered::BufWriter, local::LocalFileSystem, path::Path as StorePath,
};
use settings::Place;
use std::{ops::Range, path::Path, sync::Arc};
use tokio::{
    fs::File,
    io::{AsyncReadExt, AsyncWriteExt},
};

/// Bytes of a part of an upload; S3 takes no less than 5 MiB.
const PART_BYTES: usize = 8 * 1024 * 1024;
/// Parts under way at once: what an upload holds in memory.
const PARTS_AT_ONCE: usize = 2;
/// Bytes that are read from a file at once.
const READ_BYTES: usize = 256 * 1024;

/// Where files lie. Clones share it.
#[derive(Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    /// What stands before each name, with a slash at its end; or nothing.
    prefix: String,
    /// A folder has no place for it.
    keeps_content_type: bool,
}

/// A file, or a part of it, on its way.
pub struct Blob {
    /// Bytes of the whole file.
    pub total_bytes: u64,
    /// Which of them come.
    pub range: Range<u64>,
    /// They.
    pub stream: BlobStream,
}

/// The bytes of a file. A stream that fails has not given all.
pub type BlobStream = BoxStream<'static, Result<Bytes, BlobError>>;

impl Blobs {
    /// Opens the store, and makes the local folder if it is missing. An S3-compatible store is not asked yet.
    ///
    /// # Errors
    /// [`BlobError::BadSettings`], [`BlobError::File`] when the folder cannot be made.
    pub fn open(settings: &BlobSettings) -> Result<Self, BlobError> {
        match settings.place()? {
            Place::Folder(folder) => {
                std::fs::create_dir_all(folder)?;
                // What a client was told must survive a power cut.
                let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
                Ok(Self { store: Arc::new(store), prefix: String::new(), keeps_content_type: false })
            }
            Place::S3 { bucket, prefix } => {
                let store = s3::open(bucket, &settings.s3)?;
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                Ok(Self { store: Arc::new(store), prefix, keeps_content_type: true })
            }
        }
    }

    /// Stores a file of this machine's disk, without ever holding all of it.
    ///
    /// # Errors
    /// Any [`BlobError`]; nothing is stored then. A process that dies in it may leave parts, which an S3-compatible store
    /// removes by a lifecycle rule for incomplete uploads.
    pub async fn put_file(&self, name: &str, file: &Path, content_type: &str) -> Result<(), BlobError> {
        let path = self.path(name)?;
        let mut file = File::open(file).await?;
        let mut upload = BufWriter::with_capacity(Arc::clone(&self.store), path, PART_BYTES)
            .with_max_concurrency(PARTS_AT_ONCE)
            .with_attributes(self.attributes(content_type));
        let copied = copy(&mut file, &mut upload).await;
        if copied.is_err() {
            // The reason that it failed says more than that it cannot be undone.
            let _ = upload.abort().await;
        }
        copied
    }

    /// Stores a file that is small enough to be in memory.
    ///
    /// # Errors
    /// Any [`BlobError`].
    pub async fn put_bytes(&self, name: &str, bytes: Bytes, content_type: &str) -> Result<(), BlobError> {
        let options = PutOptions::from(self.attributes(content_type));
        self.store.put_opts(&self.path(name)?, bytes.into(), options).await?;
        Ok(())
    }

    /// A file, or those of its bytes that lie in `range`; a range may end behind the file.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], [`BlobError::BadRange`] when no byte of the file lies in the range, or what the store says.
    pub async fn get_range(&self, name: &str, range: Option<Range<u64>>) -> Result<Blob, BlobError> {
        if range.as_ref().is_some_and(Range::is_empty) {
            return Err(BlobError::BadRange);
        }
        let options = GetOptions { range: range.clone().map(GetRange::Bounded), ..GetOptions::default() };
        let found = match self.store.get_opts(&self.path(name)?, options).await.map_err(BlobError::from) {
            Ok(found) => found,
            // Stores have no common way to say so.
            Err(BlobError::Store(error)) => match range {
                Some(range) if self.head(name).await? <= range.start => return Err(BlobError::BadRange),
                _ => return Err(BlobError::Store(error)),
            },
            Err(error) => return Err(error),
        };
        let (total_bytes, range) = (found.meta.size, found.range.clone());
        Ok(Blob { total_bytes, range, stream: found.into_stream().map_err(BlobError::from).boxed() })
    }

    /// A file's size in bytes.
    ///
    /// # Errors
    /// [`BlobError::NotFound`], or what the store says.
    pub async fn head(&self, name: &str) -> Result<u64, BlobError> {
        Ok(self.store.head(&self.path(name)?).await?.size)
    }

    /// Removes a file; it is well if there is none.
    ///
    /// # Errors
    /// What the store says.
    pub async fn delete(&self, name: &str) -> Result<(), BlobError> {
        match self.store.delete(&self.path(name)?).await.map_err(BlobError::from) {
            Err(BlobError::NotFound) => Ok(()),
            result => result,
        }
    }

    /// Names lie flat, and mean the same in every store.
    fn path(&self, name: &str) -> Result<StorePath, BlobError> {
        let is_plain = |c: u8| matches!(c, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-');
        if !(1..=128).contains(&name.len()) || !name.bytes().all(is_plain) || name.starts_with('.') {
            return Err(BlobError::BadName);
        }
        StorePath::parse(format!("{}{name}", self.prefix)).map_err(|_| BlobError::BadName)
    }

    fn attributes(&self, content_type: &str) -> Attributes {
        let content_type = AttributeValue::from(content_type.to_owned());
        self.keeps_content_type.then_some((Attribute::ContentType, content_type)).into_iter().collect()
    }
}

async fn copy(file: &mut File, upload: &mut BufWriter) -> Result<(), BlobError> {
    loop {
        let mut bytes = BytesMut::with_capacity(READ_BYTES);
        if file.read_buf(&mut bytes).await? == 0 {
            return upload.shutdown().await.map_err(object_store_error);
        }
        upload.put(bytes.freeze()).await?;
    }
}

/// The error within, where there is one; the writer speaks through [`std::io::Error`].
fn object_store_error(error: std::io::Error) -> BlobError {
    error.downcast::<object_store::Error>().map_or_else(BlobError::File, BlobError::from)
}
