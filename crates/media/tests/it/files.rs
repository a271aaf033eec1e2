//! Files for tests: those of `tests/fixtures`, which `make.sh` there makes, and pictures made here.

use image::{DynamicImage, ImageFormat, Rgba, RgbaImage};
use std::{
    io::{Cursor, Write},
    path::{Path, PathBuf},
};
use tempfile::NamedTempFile;

/// All of `tests/fixtures`.
pub const FIXTURES: [&str; 17] = [
    "clip.mkv",
    "clip.mp4",
    "clip.webm",
    "constant.mp3",
    "fragmented.m4a",
    "fragmented.mp4",
    "opus.ogg",
    "streamed.mkv",
    "streamed.wav",
    "streamed.webm",
    "tone.aac",
    "tone.flac",
    "tone.m4a",
    "tone.wav",
    "tone.webm",
    "variable.mp3",
    "vorbis.ogg",
];

pub const PICTURES: [ImageFormat; 4] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif];

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

pub fn file(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

/// A red picture whose right half is transparent.
pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let pixels = RgbaImage::from_fn(width, height, |x, _| {
        if x * 2 < width { Rgba([200, 0, 0, 255]) } else { Rgba([0, 0, 200, 0]) }
    });
    encoded(DynamicImage::from(pixels), format)
}

pub fn encoded(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
    let picture = if format == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}
