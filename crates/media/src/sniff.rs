//! Telling what a file is by its first bytes.

use crate::MediaType;

/// Bytes of a file's head that are always enough.
pub const HEAD_BYTES: usize = 4_096;

/// What a file is, by its head of up to [`HEAD_BYTES`]. `None` when it is nothing known, or the head is too short.
/// MPEG-4 and Matroska say only in their depths whether they have video; see [`crate::inspect`].
pub fn sniff(head: &[u8]) -> Option<MediaType> {
    match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(MediaType::Png),
        [0xff, 0xd8, 0xff, ..] => Some(MediaType::Jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(MediaType::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(MediaType::WebP),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E', ..] => Some(MediaType::Wav),
        [b'f', b'L', b'a', b'C', ..] => Some(MediaType::Flac),
        [b'O', b'g', b'g', b'S', ..] => ogg(head),
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => mpeg4(head),
        [0x1a, 0x45, 0xdf, 0xa3, rest @ ..] => matroska(rest),
        [b'I', b'D', b'3', ..] => Some(behind_id3(head)),
        _ => mpeg_audio(head),
    }
}

/// The first page holds the first packet, which names its codec.
fn ogg(head: &[u8]) -> Option<MediaType> {
    let segments = usize::from(*head.get(26)?);
    let packet = head.get(27 + segments..)?;
    (packet.starts_with(b"OpusHead") || packet.starts_with(b"\x01vorbis")).then_some(MediaType::Ogg)
}

/// The box `ftyp` names the brands that a file follows: its size, `ftyp`, the major brand, a version, other brands.
fn mpeg4(head: &[u8]) -> Option<MediaType> {
    let size = usize::try_from(u32::from_be_bytes(*head.first_chunk()?)).ok()?;
    let (brands, _) = head.get(8..size.min(head.len()))?.as_chunks::<4>();
    let (major, compatible) = brands.split_first()?;
    match major {
        b"M4A " | b"M4B " => Some(MediaType::M4a),
        // Pictures that share the container, and name its brands too.
        [b'a', b'v', b'i', _] | [b'h', b'e', b'i' | b'v', _] | [b'm', b'i' | b's', b'f', _] => None,
        _ => {
            let is_mpeg4 = |brand: &[u8; 4]| {
                matches!(brand, [b'i', b's', b'o', _] | [b'm', b'p', b'4', _] | [b'M', b'4', b'V', _])
                    || matches!(brand, b"avc1" | b"dash" | b"MSNV")
            };
            (is_mpeg4(major) || compatible.iter().any(is_mpeg4)).then_some(MediaType::Mp4)
        }
    }
}

/// The element `DocType` (0x4282) stands within the EBML header, whose other elements are a few bytes.
fn matroska(header: &[u8]) -> Option<MediaType> {
    let header = header.get(..64).unwrap_or(header);
    let at = header.windows(2).position(|id| id == [0x42, 0x82])?;
    match header.get(at + 2..)? {
        [0x84, b'w', b'e', b'b', b'm', ..] => Some(MediaType::WebM),
        [0x88, b'm', b'a', b't', b'r', b'o', b's', b'k', b'a', ..] => Some(MediaType::Matroska),
        _ => None,
    }
}

/// Tags before sound: nearly always MP3, and so it is when they are longer than the head.
fn behind_id3(head: &[u8]) -> MediaType {
    let size = head.get(6..10).unwrap_or_default();
    let size = size.iter().fold(0, |size, byte| size << 7 | usize::from(byte & 0x7f));
    match head.get(10 + size..) {
        Some(behind) if behind.starts_with(b"fLaC") => MediaType::Flac,
        Some(behind) => mpeg_audio(behind).unwrap_or(MediaType::Mp3),
        None => MediaType::Mp3,
    }
}

/// A frame's header: twelve bits of sync, and then fields of which some values are no sound.
fn mpeg_audio(head: &[u8]) -> Option<MediaType> {
    let [0xff, second, third, ..] = head else { return None };
    let (version, layer) = (second >> 3 & 3, second >> 1 & 3);
    if second & 0xf0 == 0xf0 && layer == 0 {
        let sample_rate = third >> 2 & 0xf;
        return (sample_rate < 13).then_some(MediaType::Aac);
    }
    let (bitrate, sample_rate) = (third >> 4, third >> 2 & 3);
    let is_frame = second & 0xe0 == 0xe0 && version != 1 && layer == 1 && bitrate != 15 && sample_rate != 3;
    is_frame.then_some(MediaType::Mp3)
}
