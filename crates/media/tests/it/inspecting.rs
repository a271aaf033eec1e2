//! How large and how long files are.

use crate::files::{PICTURES, encoded, file, fixture, picture};
use image::{DynamicImage, ImageEncoder, ImageFormat, codecs::jpeg::JpegEncoder};
use media::{Inspected, MediaError, MediaType, inspect};
use std::path::Path;

/// Encoders pad what they make: up to two frames of at most 1,152 samples are more than was put in.
const PADDING_MS: i64 = 150;

#[test]
fn sound_and_video() {
    let check = |name: &str, media_type: MediaType, size: Option<(u32, u32)>, duration_ms: Option<i64>| {
        let found = inspect(&fixture(name)).unwrap();
        assert_eq!((found.media_type, found.width.zip(found.height)), (media_type, size), "{name}");
        assert_eq!(found.duration_ms.is_some(), duration_ms.is_some(), "{name}");
        let (found, expected) = (found.duration_ms.unwrap_or_default(), duration_ms.unwrap_or_default());
        assert!((expected..=expected + PADDING_MS).contains(&found), "{name}: {found} ms");
    };
    let clip = Some((64, 48));
    check("clip.mp4", MediaType::Mp4, clip, Some(1_000));
    check("clip.webm", MediaType::WebM, clip, Some(1_000));
    check("clip.mkv", MediaType::Matroska, clip, Some(1_000));
    // Its sound begins with a silence of 0.2 s.
    check("fragmented.mp4", MediaType::Mp4, clip, Some(1_600));
    check("fragmented.m4a", MediaType::M4a, None, Some(1_500));
    check("streamed.webm", MediaType::WebM, None, Some(1_500));
    check("streamed.mkv", MediaType::Matroska, clip, Some(1_000));
    check("tone.m4a", MediaType::M4a, None, Some(1_500));
    check("tone.webm", MediaType::WebM, None, Some(1_500));
    check("constant.mp3", MediaType::Mp3, None, Some(1_500));
    check("variable.mp3", MediaType::Mp3, None, Some(1_500));
    check("tone.aac", MediaType::Aac, None, Some(1_500));
    check("opus.ogg", MediaType::Ogg, None, Some(1_500));
    check("vorbis.ogg", MediaType::Ogg, None, Some(1_500));
    check("tone.flac", MediaType::Flac, None, Some(1_500));
    check("tone.wav", MediaType::Wav, None, Some(1_500));
    check("streamed.wav", MediaType::Wav, None, Some(1_500));
}

#[test]
fn mpeg4_that_is_sound_alone_is_told_from_video() {
    let mut bytes = std::fs::read(fixture("tone.m4a")).unwrap();
    bytes[8..12].copy_from_slice(b"isom");
    assert_eq!(inspect(file(&bytes).path()).unwrap().media_type, MediaType::M4a);
}

#[test]
fn pictures_have_a_size() {
    for format in PICTURES {
        let found = inspect(file(&picture(31, 17, format)).path()).unwrap();
        assert_eq!((found.width, found.height, found.duration_ms), (Some(31), Some(17), None), "{format:?}");
    }
}

#[test]
fn sizes_are_as_shown() {
    let check = |orientation: u8, size: (u32, u32)| {
        let exif =
            [&b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"[..], &[orientation, 0, 0, 0, 0, 0, 0]];
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif.concat()).unwrap();
        DynamicImage::new_rgb8(8, 4).write_with_encoder(encoder).unwrap();
        let Inspected { width, height, .. } = inspect(file(&bytes).path()).unwrap();
        assert_eq!((width, height), (Some(size.0), Some(size.1)), "{orientation}");
    };
    check(1, (8, 4));
    check(3, (8, 4));
    check(6, (4, 8));
    check(8, (4, 8));
    check(77, (8, 4));
}

#[test]
fn pictures_are_limited() {
    let check = |width: u32, height: u32, is_taken: bool| {
        let result = inspect(file(&png_of(width, height)).path());
        match result {
            Ok(found) => assert!(is_taken, "{found:?}"),
            Err(MediaError::TooLarge) => assert!(!is_taken, "{width} x {height}"),
            Err(error) => panic!("{width} x {height}: {error}"),
        }
    };
    check(16_384, 4_096, true);
    check(8_192, 8_192, true);
    check(16_384, 4_097, false);
    check(16_385, 1, false);
    check(1, 16_385, false);
    check(2_147_483_647, 2_147_483_647, false);
}

/// A PNG that says that it is so large, and has no pixels.
fn png_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(DynamicImage::new_luma8(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let checksum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&checksum.to_be_bytes());
    bytes
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ (0xedb8_8320 * (crc & 1)))
    })
}

#[test]
fn what_is_nothing() {
    assert!(matches!(inspect(file(b"<html>").path()), Err(MediaError::Unknown)));
    assert!(matches!(inspect(Path::new("/no/such/file")), Err(MediaError::Io(_))));
    let missing = b"\0\0\0\x14ftypisom\0\0\0\0mp42\0\0\0\x08mdat";
    assert!(matches!(inspect(file(missing).path()), Err(MediaError::Damaged(_))));
}
