//! What a file is, how large, and how long.

use crate::{MediaError, MediaKind, MediaType, picture, sniff, sniff::HEAD_BYTES, tracks};
use std::{fs::File, io::Read, path::Path};

/// What was found out about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspected {
    /// What it is.
    pub media_type: MediaType,
    /// Pixels across, as it is shown; pictures and video have them.
    pub width: Option<u32>,
    /// Pixels down, as it is shown.
    pub height: Option<u32>,
    /// Milliseconds it plays; sound and video have them, but for those that hold no packet.
    pub duration_ms: Option<i64>,
}

/// Finds out about a file without decoding it.
///
/// # Errors
/// [`MediaError::Unknown`], [`MediaError::TooLarge`], [`MediaError::Damaged`], or that it cannot be read.
pub fn inspect(path: &Path) -> Result<Inspected, MediaError> {
    let media_type = media_type(path)?;
    if media_type.kind() == MediaKind::Image {
        let (width, height) = picture::size(path, media_type)?;
        return Ok(Inspected { media_type, width: Some(width), height: Some(height), duration_ms: None });
    }
    tracks::inspect(path, media_type)
}

/// What a file is, by its head.
pub(crate) fn media_type(path: &Path) -> Result<MediaType, MediaError> {
    let mut head = Vec::with_capacity(HEAD_BYTES);
    File::open(path)?.take(HEAD_BYTES as u64).read_to_end(&mut head)?;
    sniff(&head).ok_or(MediaError::Unknown)
}
