//! What can be wrong with a file.

use crate::MediaType;
use image::ImageError;
use std::io;

/// What can be wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// It cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is nothing that is known here.
    #[error("the file is of no known kind")]
    Unknown,
    /// It is known, and not a picture.
    #[error("the file is {}, not a picture", .0.content_type())]
    NotAPicture(MediaType),
    /// It has more bytes or pixels than are taken.
    #[error("the file has more bytes or pixels than are taken")]
    TooLarge,
    /// It does not follow its format, or ends too soon. For operators.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// A picture cannot be written in this format.
    #[error("the picture cannot be written: {0}")]
    Unwritable(String),
}

impl MediaError {
    /// What a decoder's error means.
    pub(crate) fn decoding(error: ImageError) -> Self {
        match error {
            ImageError::Limits(_) => Self::TooLarge,
            other => Self::Damaged(other.to_string()),
        }
    }

    /// What an encoder's error means.
    pub(crate) fn encoding(error: &ImageError) -> Self {
        Self::Unwritable(error.to_string())
    }
}
