//! How long sound and video are, and how large video is, as their containers say or their packets show.

use crate::{Inspected, MAX_SIDE_PX, MediaError, MediaType};
use std::{fs::File, path::Path};
use symphonia::{
    core::{
        codecs::CodecParameters,
        formats::{FormatOptions, FormatReader, TrackType},
        io::{MediaSourceStream, MediaSourceStreamOptions},
        units::{Duration, TimeBase},
    },
    default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader},
};

pub(crate) fn inspect(path: &Path, media_type: MediaType) -> Result<Inspected, MediaError> {
    let mut reader = open(path, media_type)?;
    if reader.tracks().is_empty() {
        return Err(MediaError::Damaged("there is neither sound nor video in it".to_owned()));
    }
    let (width, height) = video_size(reader.as_ref())?.unzip();
    let media_type = match media_type {
        MediaType::Mp4 if reader.first_track(TrackType::Video).is_none() => MediaType::M4a,
        other => other,
    };
    let duration_ms = match media_type {
        // These have no index, or one that an encoder which streams leaves wrong.
        MediaType::Mp3 | MediaType::Aac | MediaType::Wav => walk(reader.as_mut()),
        _ => stated(reader.as_ref()),
    };
    Ok(Inspected { media_type, width, height, duration_ms })
}

fn open(path: &Path, media_type: MediaType) -> Result<Box<dyn FormatReader>, MediaError> {
    let file = Box::new(File::open(path)?);
    let stream = MediaSourceStream::new(file, MediaSourceStreamOptions::default());
    let options = FormatOptions::default();
    let reader: Result<Box<dyn FormatReader>, _> = match media_type {
        MediaType::Mp4 | MediaType::M4a => IsoMp4Reader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::WebM | MediaType::Matroska => {
            MkvReader::try_new(stream, options).map(|r| Box::new(r) as _)
        }
        MediaType::Mp3 => MpaReader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::Wav => WavReader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::Flac => FlacReader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::Ogg => OggReader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::Aac => AdtsReader::try_new(stream, options).map(|r| Box::new(r) as _),
        MediaType::Png | MediaType::Jpeg | MediaType::WebP | MediaType::Gif => {
            return Err(MediaError::Unknown);
        }
    };
    reader.map_err(|error| MediaError::Damaged(error.to_string()))
}

fn video_size(reader: &dyn FormatReader) -> Result<Option<(u32, u32)>, MediaError> {
    let parameters = reader.first_track(TrackType::Video).and_then(|track| track.codec_params.as_ref());
    let Some(CodecParameters::Video(video)) = parameters else { return Ok(None) };
    let side = |px: Option<u16>| px.map(u32::from).filter(|px| *px > 0);
    match side(video.width).zip(side(video.height)) {
        Some((width, height)) if width.max(height) > MAX_SIDE_PX => Err(MediaError::TooLarge),
        size => Ok(size),
    }
}

/// The longest track, or what the container says of the whole.
fn stated(reader: &dyn FormatReader) -> Option<i64> {
    let whole = reader.media_info();
    let tracks = reader.tracks().iter().map(|track| milliseconds(track.time_base, track.duration));
    let longest = tracks.max().flatten();
    longest.or_else(|| milliseconds(whole.time_base, whole.duration))
}

/// What all packets play. A last one that is cut off ends it.
fn walk(reader: &mut dyn FormatReader) -> Option<i64> {
    let time_base = reader.tracks().first()?.time_base;
    let mut total = Duration::ZERO;
    while let Ok(Some(packet)) = reader.next_packet() {
        total = total.saturating_add(packet.dur);
    }
    milliseconds(time_base, Some(total))
}

/// Nothing that plays takes no time.
fn milliseconds(time_base: Option<TimeBase>, duration: Option<Duration>) -> Option<i64> {
    let time = time_base?.calc_duration(duration?)?;
    i64::try_from(time.as_millis()).ok().filter(|ms| *ms > 0)
}
