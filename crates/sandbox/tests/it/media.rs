//! Looking into media.

use image::{ImageFormat, ImageReader};
use std::io::Cursor;

/// Decodes a picture: its format, width and height.
#[track_caller]
pub fn picture(bytes: &[u8]) -> (ImageFormat, u32, u32) {
    let reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().unwrap();
    let format = reader.format().unwrap();
    let picture = reader.decode().unwrap();
    (format, picture.width(), picture.height())
}

/// Checks the header of a WAV file of 16 bit in one channel, and gives its samples a second and its milliseconds.
#[track_caller]
pub fn wav(bytes: &[u8]) -> (u32, u64) {
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((&bytes[..4], &bytes[8..16], &bytes[36..40]), (&b"RIFF"[..], &b"WAVEfmt "[..], &b"data"[..]));
    assert_eq!((number(4) as usize, number(40) as usize), (bytes.len() - 8, bytes.len() - 44));
    assert_eq!((number(16), &bytes[20..24], &bytes[32..36]), (16, &[1, 0, 1, 0][..], &[2, 0, 16, 0][..]));
    let rate = number(24);
    assert_eq!(number(28), rate * 2);
    (rate, (bytes.len() - 44) as u64 * 1000 / u64::from(rate * 2))
}

/// Checks that an MP3 is made of frames of 192 bytes, and gives its milliseconds.
#[track_caller]
pub fn mp3(bytes: &[u8]) -> usize {
    assert_eq!(bytes.len() % 192, 0);
    assert!(bytes.chunks(192).all(|frame| frame.starts_with(&[0xff, 0xfb, 0x54])));
    bytes.len() / 192 * 24
}

/// Checks the boxes of an MP4, and gives its seconds.
#[track_caller]
pub fn mp4(bytes: &[u8]) -> u32 {
    assert_eq!(&bytes[4..8], b"ftyp");
    let at = |name: &[u8]| bytes.windows(name.len()).position(|window| window == name);
    assert!(at(b"moov") < at(b"mdat") && at(b"avc1").is_some(), "not a film that starts at once");
    let header = &bytes[at(b"mvhd").unwrap()..];
    let number = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    number(20) / number(16)
}
