//! Where files lie, as an operator sets it.

use super::BlobError;
use secrecy::SecretString;
use serde::Deserialize;
use std::path::Path;

/// Where files lie.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BlobSettings {
    /// A folder, plain or as `file:///path`, or `s3://bucket/prefix`.
    pub url: String,
    /// How the S3-compatible store is reached.
    pub s3: S3Settings,
}

/// An S3-compatible store.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct S3Settings {
    /// Where it is reached, in place of Amazon's; the bucket comes in the path.
    pub endpoint: Option<String>,
    /// Its region; `us-east-1` when it has none.
    pub region: Option<String>,
    /// The id of the key. Without one, the machine's own role is used.
    pub access_key_id: Option<String>,
    /// The key.
    pub secret_access_key: Option<SecretString>,
    /// Whether the endpoint may be reached by http, which hides nothing.
    pub allow_http: bool,
}

impl Default for BlobSettings {
    fn default() -> Self {
        Self { url: "neuralbox-data/files".to_owned(), s3: S3Settings::default() }
    }
}

/// A URL, read.
pub(super) enum Place<'a> {
    Folder(&'a Path),
    S3 { bucket: &'a str, prefix: &'a str },
}

impl BlobSettings {
    pub(super) fn place(&self) -> Result<Place<'_>, BlobError> {
        const WRONG: BlobError =
            BlobError::BadSettings("the URL must be a folder, file:///path, or s3://bucket/prefix");
        match self.url.split_once("://") {
            None if self.url.is_empty() => Err(WRONG),
            None => Ok(Place::Folder(Path::new(&self.url))),
            Some(("file", path)) if path.starts_with('/') => Ok(Place::Folder(Path::new(path))),
            Some(("s3", path)) => {
                let (bucket, prefix) = path.split_once('/').unwrap_or((path, ""));
                let prefix = prefix.trim_end_matches('/');
                let is_path = object_store::path::Path::parse(prefix).is_ok();
                if bucket.is_empty() || !is_path { Err(WRONG) } else { Ok(Place::S3 { bucket, prefix }) }
            }
            Some(_) => Err(WRONG),
        }
    }
}
