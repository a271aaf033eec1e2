//! Sounds: a tone. WAV and PCM are synthesised; packed formats come from recordings of two seconds of it.

use super::Media;
use bytes::Bytes;

/// An MP3 of frames that need none before them, so that they can follow each other in any number.
static MP3: &[u8] = include_bytes!("../../media/tone.mp3");
static OPUS: &[u8] = include_bytes!("../../media/tone.ogg");
static AAC: &[u8] = include_bytes!("../../media/tone.aac");
static FLAC: &[u8] = include_bytes!("../../media/tone.flac");

/// One frame of [`MP3`]: 1152 samples at 48 kHz, 64 kbit/s.
const MP3_FRAME_MS: u32 = 24;
const MP3_FRAME_BYTES: usize = 192;
/// How long the recordings are that cannot be made longer.
const RECORDING_MS: u32 = 2_000;
/// The longest sound.
const MAX_MS: u32 = 600_000;

/// A sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Which tone it is.
    pub(crate) seed: u64,
    /// How long it is. Opus, AAC and FLAC are two seconds, whatever this says.
    pub(crate) ms: u32,
    /// How it is encoded.
    pub(crate) format: Format,
}

/// How a sound is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// MP3, 64 kbit/s.
    Mp3,
    /// WAV of 16 bit, mono, with samples a second.
    Wav(u32),
    /// The same without a header.
    Pcm(u32),
    /// Opus in Ogg.
    Opus,
    /// AAC in ADTS.
    Aac,
    /// FLAC.
    Flac,
}

impl Sound {
    /// A sound of that length, or the longest that is still made.
    pub(crate) fn new(seed: u64, ms: u32, format: Format) -> Self {
        Self { seed, ms: ms.min(MAX_MS), format }
    }

    /// The length that it really has, in milliseconds.
    pub(crate) fn real_ms(&self) -> u32 {
        match self.format {
            Format::Mp3 => self.ms.div_ceil(MP3_FRAME_MS) * MP3_FRAME_MS,
            Format::Wav(_) | Format::Pcm(_) => self.ms,
            Format::Opus | Format::Aac | Format::Flac => RECORDING_MS,
        }
    }

    pub(super) fn file_name(&self) -> String {
        let Self { seed, ms, format } = self;
        match format {
            Format::Mp3 => format!("{seed:016x}-{ms}ms.mp3"),
            Format::Wav(rate) => format!("{seed:016x}-{ms}ms-{rate}hz.wav"),
            Format::Pcm(rate) => format!("{seed:016x}-{ms}ms-{rate}hz.pcm"),
            Format::Opus => format!("{seed:016x}-{ms}ms.ogg"),
            Format::Aac => format!("{seed:016x}-{ms}ms.aac"),
            Format::Flac => format!("{seed:016x}-{ms}ms.flac"),
        }
    }

    pub(super) fn parse(seed: u64, how: &str, extension: &str) -> Option<Self> {
        let (ms, rest) = how.split_once("ms")?;
        let rate = || rest.strip_prefix('-')?.strip_suffix("hz")?.parse().ok().filter(|rate| *rate <= 48_000);
        let format = match extension {
            "mp3" => Format::Mp3,
            "wav" => Format::Wav(rate()?),
            "pcm" => Format::Pcm(rate()?),
            "ogg" => Format::Opus,
            "aac" => Format::Aac,
            "flac" => Format::Flac,
            _ => return None,
        };
        Some(Self::new(seed, ms.parse().ok()?, format))
    }

    /// Makes it.
    pub(crate) fn make(&self) -> Media {
        let (content_type, bytes) = match self.format {
            Format::Mp3 => ("audio/mpeg", Bytes::from(self.mp3())),
            Format::Wav(rate) => ("audio/wav", Bytes::from(wav(rate, &self.samples(rate)))),
            Format::Pcm(rate) => ("audio/pcm", Bytes::from(self.samples(rate))),
            Format::Opus => ("audio/ogg", Bytes::from_static(OPUS)),
            Format::Aac => ("audio/aac", Bytes::from_static(AAC)),
            Format::Flac => ("audio/flac", Bytes::from_static(FLAC)),
        };
        Media { content_type, bytes }
    }

    fn mp3(&self) -> Vec<u8> {
        let frames = MP3.chunks_exact(MP3_FRAME_BYTES).cycle();
        frames.take(self.ms.div_ceil(MP3_FRAME_MS) as usize).flatten().copied().collect()
    }

    /// Samples of a triangle wave of 200 to 599 Hz, little-endian.
    fn samples(&self, rate: u32) -> Vec<u8> {
        let hz = 200 + self.seed % 400;
        let count = u64::from(self.ms) * u64::from(rate) / 1000;
        let sample = |n: u64| {
            // A turn has 65536 parts; the wave rises in the first half of it and falls in the second.
            let turn = (n * hz * 65_536 / u64::from(rate).max(1)) % 65_536;
            let height = if turn < 32_768 { turn } else { 65_535 - turn };
            i16::try_from(height / 4).unwrap_or(0) - 4_096
        };
        (0..count).flat_map(|n| sample(n).to_le_bytes()).collect()
    }
}

/// A WAV file: the header of 44 bytes, and the samples of 16 bit in one channel.
fn wav(rate: u32, samples: &[u8]) -> Vec<u8> {
    let size = u32::try_from(samples.len()).unwrap_or(u32::MAX);
    let mut out = Vec::with_capacity(samples.len() + 44);
    out.extend_from_slice(b"RIFF");
    out.extend_from_slice(&size.saturating_add(36).to_le_bytes());
    out.extend_from_slice(b"WAVEfmt ");
    out.extend_from_slice(&16_u32.to_le_bytes());
    for short in [1_u16, 1] {
        out.extend_from_slice(&short.to_le_bytes());
    }
    out.extend_from_slice(&rate.to_le_bytes());
    out.extend_from_slice(&rate.saturating_mul(2).to_le_bytes());
    for short in [2_u16, 16] {
        out.extend_from_slice(&short.to_le_bytes());
    }
    out.extend_from_slice(b"data");
    out.extend_from_slice(&size.to_le_bytes());
    out.extend_from_slice(samples);
    out
}

/// How long it takes to say a text, in milliseconds: 60 a character at speed 1, and half a minute at most.
pub(crate) fn speech_ms(text: &str, speed: f64) -> u32 {
    const MIN_MS: f64 = 500.0;
    const MAX_MS: f64 = 30_000.0;
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    // It is between the two, so nothing is lost but the fraction.
    (f64::from(characters) * 60.0 / speed).clamp(MIN_MS, MAX_MS) as u32
}

/// How long a sound of somebody else's is, in milliseconds: read from the header of a WAV file as [`Sound`] makes them,
/// guessed from the size of any other.
pub(crate) fn duration_ms(bytes: &[u8]) -> u64 {
    /// What a second of packed speech usually takes.
    const GUESSED_BYTES_PER_S: u32 = 16_000;
    let is_wav = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WAVE");
    let rate = bytes.get(28..32).filter(|_| is_wav).and_then(|rate| rate.try_into().ok());
    let (rate, header) = rate.map_or((GUESSED_BYTES_PER_S, 0), |rate| (u32::from_le_bytes(rate), 44));
    (bytes.len().saturating_sub(header) as u64).saturating_mul(1000) / u64::from(rate.max(1))
}
