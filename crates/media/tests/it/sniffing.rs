//! What files are taken for by their first bytes.

use crate::files::{PICTURES, fixture, picture};
use media::{MediaKind, MediaType, sniff};

#[test]
fn real_files() {
    let check = |bytes: &[u8], expected: MediaType| assert_eq!(sniff(bytes), Some(expected));
    for (name, expected) in [
        ("clip.mkv", MediaType::Matroska),
        ("clip.mp4", MediaType::Mp4),
        ("clip.webm", MediaType::WebM),
        ("constant.mp3", MediaType::Mp3),
        ("fragmented.mp4", MediaType::Mp4),
        ("opus.ogg", MediaType::Ogg),
        ("streamed.wav", MediaType::Wav),
        ("tone.aac", MediaType::Aac),
        ("tone.flac", MediaType::Flac),
        ("tone.m4a", MediaType::M4a),
        ("tone.wav", MediaType::Wav),
        ("variable.mp3", MediaType::Mp3),
        ("vorbis.ogg", MediaType::Ogg),
    ] {
        check(&std::fs::read(fixture(name)).unwrap(), expected);
    }
    let expected = [MediaType::Png, MediaType::Jpeg, MediaType::WebP, MediaType::Gif];
    for (format, expected) in PICTURES.into_iter().zip(expected) {
        check(&picture(3, 2, format), expected);
    }
}

#[test]
fn heads() {
    let check = |head: &[u8], expected: Option<MediaType>| {
        assert_eq!(sniff(head), expected, "{}", head.escape_ascii());
    };
    // Sound behind tags; a tag of 2 bytes, and one that is longer than the head.
    check(b"ID3\x04\0\0\0\0\0\x02..fLaC", Some(MediaType::Flac));
    check(b"ID3\x04\0\0\0\0\0\x02..\xff\xf1\x50\x80", Some(MediaType::Aac));
    check(b"ID3\x04\0\0\0\0\0\x02..\xff\xfb\x90\x44", Some(MediaType::Mp3));
    check(b"ID3\x04\0\0\x7f\x7f\x7f\x7f", Some(MediaType::Mp3));
    check(b"ID3", Some(MediaType::Mp3));
    // Brands, in first place and in others.
    check(b"\0\0\0\x14ftypmp42\0\0\0\0isom", Some(MediaType::Mp4));
    check(b"\0\0\0\x14ftypXAVC\0\0\0\0mp42", Some(MediaType::Mp4));
    check(b"\0\0\0\x14ftypM4A \0\0\0\0isom", Some(MediaType::M4a));
    check(b"\0\0\0\x14ftypavis\0\0\0\0iso8", None);
    check(b"\0\0\0\x14ftypheic\0\0\0\0mif1", None);
    check(b"\0\0\0\x14ftypqt  \0\0\0\0qt  ", None);
    check(b"\0\0\0\x08ftypisomisom", None);
    check(b"\0\0\0\0ftypisom", None);
    // Other kinds in the same containers.
    check(b"RIFF\0\0\0\0AVI LIST", None);
    check(b"\x1a\x45\xdf\xa3\x8b\x42\x82\x84mebw", None);
    check(&[&b"OggS\0\x02"[..], &[0; 20], b"\x01\x09\x80theora.."].concat(), None);
    check(&[&b"OggS\0\x02"[..], &[0; 20], b"\x02\x13\x00OpusHead"].concat(), Some(MediaType::Ogg));
    // Not frames of sound: UTF-16, layers I and II, reserved values.
    check(b"\xff\xfeh\0e\0", None);
    check(b"\xff\xfd\x90\x44", None);
    check(b"\xff\xfb\xf0\x44", None);
    check(b"\xff\xfb\x9c\x44", None);
    check(b"\xff\xf1\x7c\x80", None);
    // What vendors answer in place of a file.
    check(b"", None);
    check(b"<!DOCTYPE html><html>", None);
    check(b"{\"error\":\"gone\"}", None);
    check(b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>", None);
    check(b"%PDF-1.7", None);
    check(b"PK\x03\x04", None);
}

#[test]
fn names_of_kinds_fit() {
    for media_type in MediaType::ALL {
        let prefix = match media_type.kind() {
            MediaKind::Image => "image/",
            MediaKind::Video => "video/",
            MediaKind::Audio => "audio/",
        };
        assert!(media_type.content_type().starts_with(prefix), "{media_type:?}");
    }
}
