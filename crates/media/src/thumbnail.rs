//! Small pictures of pictures.

use crate::{MediaError, convert, inspect, picture};
use std::path::Path;

/// Lower than of a whole picture: nobody looks closely.
const JPEG_QUALITY: u8 = 80;

/// A picture made small, as JPEG: at most `max_px` on its longer side, upright, what is transparent on white. A picture
/// that is small already keeps its size.
///
/// # Errors
/// Any [`MediaError`].
pub fn thumbnail(input: &Path, max_px: u32) -> Result<Vec<u8>, MediaError> {
    let picture = picture::decode(input, inspect::media_type(input)?)?;
    let is_small = picture.width() <= max_px && picture.height() <= max_px;
    let small = if is_small { picture } else { picture.thumbnail(max_px, max_px) };
    convert::jpeg(small, JPEG_QUALITY)
}
