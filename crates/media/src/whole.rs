//! Whether a picture's file has come to its end. Its head alone says what it is and how large, also of a file that was cut.

use crate::{MediaError, MediaType};
use std::{
    fs::File,
    io::{BufReader, ErrorKind, Read, Seek, SeekFrom},
    path::Path,
};

/// Checks that a picture's file is all there, without decoding it where its format tells. Other files are left alone.
///
/// # Errors
/// [`MediaError::Damaged`] when it is not, or that it cannot be read.
pub fn check_whole(path: &Path, media_type: MediaType) -> Result<(), MediaError> {
    let file = || File::open(path).map(BufReader::new);
    let is_whole = match media_type {
        MediaType::Png => png(file()?),
        MediaType::Jpeg => jpeg(file()?),
        MediaType::WebP => webp(file()?),
        MediaType::Gif => gif(file()?),
        _ => return Ok(()),
    };
    match is_whole {
        Ok(true) => Ok(()),
        Err(error) if error.kind() != ErrorKind::UnexpectedEof => Err(error.into()),
        Ok(false) | Err(_) => Err(MediaError::Damaged("it ends too soon".to_owned())),
    }
}

/// Chunks: four bytes of length, four of type, what is in it, four of checksum. The last one is `IEND`.
fn png(mut file: impl Read + Seek) -> std::io::Result<bool> {
    let size = file.seek(SeekFrom::End(0))?;
    let mut at = 8;
    loop {
        file.seek(SeekFrom::Start(at))?;
        let length: [u8; 4] = array(&mut file)?;
        let kind: [u8; 4] = array(&mut file)?;
        at = at.saturating_add(12 + u64::from(u32::from_be_bytes(length)));
        if at > size || &kind == b"IEND" {
            return Ok(at <= size);
        }
    }
}

/// Segments: 0xff, a marker, and two bytes of length that count themselves. The first scan (0xda) ends them; within scans
/// 0xff is never followed by 0xd9 but at the end of the picture. A preview in a segment has such an end of its own.
fn jpeg(mut file: BufReader<File>) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(2))?;
    loop {
        // What stands between segments is skipped, as decoders do; markers may be padded with any number of 0xff.
        while array(&mut file)? != [0xff] {}
        let mut marker = [0xff];
        while marker == [0xff] {
            marker = array(&mut file)?;
        }
        match marker {
            // These stand alone.
            [0x00 | 0x01 | 0xd0..=0xd8] => continue,
            [0xd9] => return Ok(false),
            _ => {}
        }
        let length: [u8; 2] = array(&mut file)?;
        file.seek_relative(i64::from(u16::from_be_bytes(length).saturating_sub(2)))?;
        if marker == [0xda] {
            break;
        }
    }
    let mut before = 0;
    for byte in file.bytes() {
        let byte = byte?;
        if (before, byte) == (0xff, 0xd9) {
            return Ok(true);
        }
        before = byte;
    }
    Ok(false)
}

/// `RIFF`, and the length of all that follows.
fn webp(mut file: impl Read + Seek) -> std::io::Result<bool> {
    let size = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(4))?;
    let length = u32::from_le_bytes(array(&mut file)?);
    Ok(u64::from(length).saturating_add(8) <= size)
}

/// A head, maybe with a table of colours, and then blocks, each of which says how it goes on. 0x3b ends them; some encoders
/// leave it out, so that the end of the file after a picture will do.
fn gif(mut file: BufReader<File>) -> std::io::Result<bool> {
    file.seek(SeekFrom::Start(10))?;
    skip_colours(&mut file)?;
    file.seek_relative(2)?;
    let mut has_picture = false;
    loop {
        let mut block = [0];
        if file.read(&mut block)? == 0 {
            return Ok(has_picture);
        }
        match block {
            // An extension: what it is, and what it says.
            [0x21] => file.seek_relative(1)?,
            // A picture: where it stands, maybe a table of colours of its own, how it is packed, and the pixels.
            [0x2c] => {
                file.seek_relative(8)?;
                skip_colours(&mut file)?;
                file.seek_relative(1)?;
                has_picture = true;
            }
            [0x3b] => return Ok(has_picture),
            _ => return Ok(false),
        }
        // Pieces with their lengths before them; one of no length is the last.
        loop {
            let [length] = array(&mut file)?;
            if length == 0 {
                break;
            }
            file.seek_relative(i64::from(length))?;
        }
    }
}

/// A byte whose highest bit says whether a table of colours follows, if not at once, and whose lowest three how long it is.
fn skip_colours(file: &mut BufReader<File>) -> std::io::Result<()> {
    let [flags] = array(file)?;
    let length = if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    file.seek_relative(length)
}

fn array<const N: usize>(file: &mut impl Read) -> std::io::Result<[u8; N]> {
    let mut bytes = [0; N];
    file.read_exact(&mut bytes)?;
    Ok(bytes)
}
