//! Files that were cut.

use crate::files::{PICTURES, file, fixture, picture};
use media::{MediaError, MediaType, check_whole, inspect};

/// What is found of a file: that it is whole, or that it is not.
fn is_whole(bytes: &[u8], media_type: MediaType) -> bool {
    let checked = check_whole(file(bytes).path(), media_type);
    assert!(matches!(checked, Ok(()) | Err(MediaError::Damaged(_))), "{checked:?}");
    checked.is_ok()
}

#[test]
fn a_picture_is_whole_to_its_last_byte() {
    for format in PICTURES {
        let bytes = picture(40, 30, format);
        let media_type = inspect(file(&bytes).path()).unwrap().media_type;
        assert!(is_whole(&bytes, media_type), "{format:?}");
        assert!(is_whole(&[&bytes, b"more".as_slice()].concat(), media_type), "{format:?} with a tail");
        // A GIF that lacks its last byte is decoded all the same.
        let needed = if media_type == MediaType::Gif { bytes.len() - 20 } else { bytes.len() };
        for length in 12..needed {
            assert!(!is_whole(&bytes[..length], media_type), "{format:?} {length} of {}", bytes.len());
        }
    }
}

/// Cameras put a small JPEG, with an end of its own, before the picture.
#[test]
fn a_preview_is_not_the_end() {
    let jpeg = picture(40, 30, image::ImageFormat::Jpeg);
    let length = u16::try_from(jpeg.len() + 2).unwrap().to_be_bytes();
    let with_preview = [&jpeg[..2], b"\xff\xff\xe1", &length, &jpeg, &jpeg[2..]].concat();
    assert!(is_whole(&with_preview, MediaType::Jpeg));
    assert!(!is_whole(&with_preview[..with_preview.len() - 1], MediaType::Jpeg));
    assert!(!is_whole(&with_preview[..jpeg.len() + 20], MediaType::Jpeg));
}

#[test]
fn sound_is_left_alone() {
    check_whole(&fixture("tone.wav"), MediaType::Wav).unwrap();
}
