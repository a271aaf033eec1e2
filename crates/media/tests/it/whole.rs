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
        // A GIF may lack its last byte.
        let needed = if media_type == MediaType::Gif { bytes.len() - 1 } else { bytes.len() };
        for length in 12..needed {
            assert!(!is_whole(&bytes[..length], media_type), "{format:?} {length} of {}", bytes.len());
        }
    }
}

/// Whoever decodes it takes what comes first; whoever shows it shows the rest as well.
#[test]
fn an_animation_is_whole_to_its_last_picture() {
    let gif = picture(40, 30, image::ImageFormat::Gif);
    // The head with its colours, and what lies between it and the mark of the end.
    assert_eq!((gif[10] & 0x80, gif.last()), (0x80, Some(&0x3b)));
    let head = &gif[..13 + (3 << ((gif[10] & 7) + 1))];
    let blocks = &gif[head.len()..gif.len() - 1];
    let comment = b"\x21\xfe\x05hello\x02!!\x00".as_slice();
    let moving = [head, comment, blocks, comment, blocks, b"\x3b"].concat();
    assert!(is_whole(&moving, MediaType::Gif));
    let first_ends = head.len() + comment.len() + blocks.len();
    // The encoder puts one extension before its picture.
    let ends = [first_ends, first_ends + comment.len(), first_ends + comment.len() + 8, moving.len() - 1];
    for length in 12..moving.len() {
        // Between two blocks there may be an end.
        let may_end = length >= first_ends && ends.contains(&length);
        assert!(may_end || !is_whole(&moving[..length], MediaType::Gif), "{length}");
    }
    assert!(!is_whole(&[head, comment, b"\x3b"].concat(), MediaType::Gif), "no picture");
    assert!(!is_whole(&[head, b"\x00", blocks].concat(), MediaType::Gif), "no block");
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
