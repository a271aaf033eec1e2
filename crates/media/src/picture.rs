//! Opening pictures, within limits.

use crate::{MediaError, MediaType};
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits, metadata::Orientation};
use std::{fs::File, io::BufReader, path::Path};

/// Bytes that a picture's file may have; some formats are read whole.
pub const MAX_PICTURE_BYTES: u64 = 64 * 1024 * 1024;
/// Pixels that a picture may have on a side.
pub const MAX_SIDE_PX: u32 = 16_384;
/// Pixels that a picture may have in all.
pub const MAX_PIXELS: u64 = 64 * 1024 * 1024;
/// Bytes that a decoder may take, most of them for pixels of eight bytes.
const MAX_DECODER_BYTES: u64 = 8 * MAX_PIXELS;

/// Width and height as it is shown.
pub(crate) fn size(path: &Path, media_type: MediaType) -> Result<(u32, u32), MediaError> {
    let mut decoder = open(path, media_type)?;
    let (width, height) = decoder.dimensions();
    Ok(match orientation(&mut decoder) {
        Orientation::Rotate90
        | Orientation::Rotate270
        | Orientation::Rotate90FlipH
        | Orientation::Rotate270FlipH => (height, width),
        Orientation::NoTransforms
        | Orientation::Rotate180
        | Orientation::FlipHorizontal
        | Orientation::FlipVertical => (width, height),
    })
}

/// The picture as it is shown; of an animation the first.
pub(crate) fn decode(path: &Path, media_type: MediaType) -> Result<DynamicImage, MediaError> {
    let mut decoder = open(path, media_type)?;
    let orientation = orientation(&mut decoder);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(MediaError::decoding)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn open(path: &Path, media_type: MediaType) -> Result<impl ImageDecoder, MediaError> {
    let format = match media_type {
        MediaType::Png => ImageFormat::Png,
        MediaType::Jpeg => ImageFormat::Jpeg,
        MediaType::WebP => ImageFormat::WebP,
        MediaType::Gif => ImageFormat::Gif,
        other => return Err(MediaError::NotAPicture(other)),
    };
    let file = File::open(path)?;
    if file.metadata()?.len() > MAX_PICTURE_BYTES {
        return Err(MediaError::TooLarge);
    }
    let mut reader = ImageReader::with_format(BufReader::new(file), format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE_PX);
    limits.max_image_height = Some(MAX_SIDE_PX);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(MediaError::decoding)?;
    let (width, height) = decoder.dimensions();
    match u64::from(width) * u64::from(height) {
        0 => Err(MediaError::Damaged("a side of the picture is 0".to_owned())),
        pixels if pixels > MAX_PIXELS => Err(MediaError::TooLarge),
        _ => Ok(decoder),
    }
}

/// How a camera was held; what does not say, or says it wrongly, is upright.
fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    decoder.orientation().unwrap_or(Orientation::NoTransforms)
}
