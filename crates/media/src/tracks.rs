//! How long sound and video are, and how large video is, as their containers say and their packets show.

use crate::{Inspected, MAX_SIDE_PX, MediaError, MediaType};
use std::{collections::BTreeMap, fs::File, path::Path};
use symphonia::{
    core::{
        codecs::CodecParameters,
        formats::{FormatOptions, FormatReader, Track, TrackType},
        io::{MediaSourceStream, MediaSourceStreamOptions},
        units::{Duration, TimeBase, Timestamp},
    },
    default::formats::{AdtsReader, FlacReader, IsoMp4Reader, MkvReader, MpaReader, OggReader, WavReader},
};

pub(crate) fn inspect(path: &Path, media_type: MediaType) -> Result<Inspected, MediaError> {
    // A reader believes some of what a damaged file says, and panics over it.
    let read = std::panic::catch_unwind(|| read(path, media_type));
    read.unwrap_or_else(|_| Err(MediaError::Damaged("what it says of itself cannot be".to_owned())))
}

fn read(path: &Path, media_type: MediaType) -> Result<Inspected, MediaError> {
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
        // These may say nothing, or only of their beginning, or too little.
        _ => stated(reader.as_ref()).max(walk(reader.as_mut())),
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

/// What the packets of a track play.
struct Played {
    begins: Timestamp,
    /// From the beginning to the end of the last one.
    span: Duration,
    /// Of all together.
    total: Duration,
}

/// What the packets of the longest track play, by their times or by what each lasts; not every container says both. A last
/// packet that is cut off ends it.
fn walk(reader: &mut dyn FormatReader) -> Option<i64> {
    let mut tracks = BTreeMap::<u32, Played>::new();
    while let Ok(Some(packet)) = reader.next_packet() {
        let fresh = || Played { begins: packet.pts, span: Duration::ZERO, total: Duration::ZERO };
        let played = tracks.entry(packet.track_id).or_insert_with(fresh);
        let since = packet.pts.duration_from(played.begins).unwrap_or(Duration::ZERO);
        played.span = played.span.max(since.saturating_add(packet.dur));
        played.total = played.total.saturating_add(packet.dur);
    }
    let played = |track: &Track| {
        let played = tracks.get(&track.id)?;
        milliseconds(track.time_base, Some(played.span.max(played.total)))
    };
    reader.tracks().iter().filter_map(played).max()
}

/// Nothing that plays takes no time.
fn milliseconds(time_base: Option<TimeBase>, duration: Option<Duration>) -> Option<i64> {
    let time = time_base?.calc_duration(duration?)?;
    i64::try_from(time.as_millis()).ok().filter(|ms| *ms > 0)
}
