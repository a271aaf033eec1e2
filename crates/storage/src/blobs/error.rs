//! What can go wrong with files.

/// Trouble with files.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// A setting that cannot be used. Its value is not repeated.
    #[error("{0}")]
    BadSettings(&'static str),
    /// A name that no file has: names are of `a-z`, `0-9`, `.`, `_` and `-`, at most 128, and begin with no dot.
    #[error("this is no name of a file")]
    BadName,
    /// There is no such file.
    #[error("there is no such file")]
    NotFound,
    /// No byte of the file lies in the range.
    #[error("no byte of the file lies in the range")]
    BadRange,
    /// A file or folder of this machine's disk.
    #[error("the local disk: {0}")]
    File(#[from] std::io::Error),
    /// Anything else that the store says.
    #[error("the file store: {0}")]
    Store(object_store::Error),
}

impl From<object_store::Error> for BlobError {
    fn from(error: object_store::Error) -> Self {
        match error {
            object_store::Error::NotFound { .. } => Self::NotFound,
            other => Self::Store(other),
        }
    }
}
