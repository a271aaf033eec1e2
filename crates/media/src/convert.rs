//! Pictures in another format.

use crate::{MediaError, MediaType, inspect, picture};
use image::{DynamicImage, Rgba, codecs::jpeg::JpegEncoder};
use std::{io::Cursor, path::Path};

/// A format that pictures are handed out in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ImageFormat {
    /// WebP, without loss: larger than with, and nothing is lost that the vendor made.
    WebP,
    /// PNG.
    Png,
    /// JPEG, of quality 90; what is transparent becomes white.
    Jpeg,
}

impl ImageFormat {
    /// The format of this name: `webp`, `png` or `jpeg`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "webp" => Some(Self::WebP),
            "png" => Some(Self::Png),
            "jpeg" => Some(Self::Jpeg),
            _ => None,
        }
    }

    /// The kind of its files.
    pub const fn media_type(self) -> MediaType {
        match self {
            Self::WebP => MediaType::WebP,
            Self::Png => MediaType::Png,
            Self::Jpeg => MediaType::Jpeg,
        }
    }
}

/// A picture in the format that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Converted {
    /// The new file; `None` when the old one has the format already, and stays as it is.
    pub bytes: Option<Vec<u8>>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

const JPEG_QUALITY: u8 = 90;

/// Writes a picture in another format, upright, with at most 8 bits a channel; of an animation the first picture. One
/// that has the format already is measured and not decoded.
///
/// # Errors
/// Any [`MediaError`].
pub fn convert(input: &Path, target: ImageFormat) -> Result<Converted, MediaError> {
    let media_type = inspect::media_type(input)?;
    if media_type == target.media_type() {
        let (width, height) = picture::size(input, media_type)?;
        return Ok(Converted { bytes: None, width, height });
    }
    let picture = picture::decode(input, media_type)?;
    let (width, height) = (picture.width(), picture.height());
    let bytes = match target {
        ImageFormat::WebP => without_loss(picture, image::ImageFormat::WebP),
        ImageFormat::Png => without_loss(picture, image::ImageFormat::Png),
        ImageFormat::Jpeg => jpeg(picture, JPEG_QUALITY),
    }?;
    Ok(Converted { bytes: Some(bytes), width, height })
}

fn without_loss(picture: DynamicImage, format: image::ImageFormat) -> Result<Vec<u8>, MediaError> {
    let has_alpha = picture.color().has_alpha();
    let picture: DynamicImage =
        if has_alpha { picture.into_rgba8().into() } else { picture.into_rgb8().into() };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).map_err(|error| MediaError::encoding(&error))?;
    Ok(bytes.into_inner())
}

/// The picture as JPEG, on white.
pub(crate) fn jpeg(picture: DynamicImage, quality: u8) -> Result<Vec<u8>, MediaError> {
    let picture = if picture.color().has_alpha() { on_white(picture) } else { picture.into_rgb8().into() };
    let mut bytes = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut bytes, quality);
    picture.write_with_encoder(encoder).map_err(|error| MediaError::encoding(&error))?;
    Ok(bytes)
}

fn on_white(picture: DynamicImage) -> DynamicImage {
    let mut picture = picture.into_rgba8();
    for Rgba([red, green, blue, alpha]) in picture.pixels_mut() {
        for channel in [red, green, blue] {
            let (over, opacity) = (u32::from(*channel), u32::from(*alpha));
            let mixed = (over * opacity + 255 * (255 - opacity) + 127) / 255;
            *channel = u8::try_from(mixed).unwrap_or(u8::MAX);
        }
        *alpha = u8::MAX;
    }
    DynamicImage::from(picture).into_rgb8().into()
}
