//! The kinds of files that are known.

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaType {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP.
    WebP,
    /// GIF.
    Gif,
    /// MPEG-4 with video.
    Mp4,
    /// WebM; from its head it cannot be told whether there is video in it.
    WebM,
    /// Matroska that is not WebM.
    Matroska,
    /// MPEG-4 with sound alone.
    M4a,
    /// MPEG layer III.
    Mp3,
    /// RIFF WAVE.
    Wav,
    /// FLAC.
    Flac,
    /// Ogg with Opus or Vorbis.
    Ogg,
    /// AAC in ADTS frames.
    Aac,
}

/// What people take it for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MediaKind {
    /// A picture.
    Image,
    /// Moving pictures.
    Video,
    /// Sound.
    Audio,
}

impl MediaType {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Png,
        Self::Jpeg,
        Self::WebP,
        Self::Gif,
        Self::Mp4,
        Self::WebM,
        Self::Matroska,
        Self::M4a,
        Self::Mp3,
        Self::Wav,
        Self::Flac,
        Self::Ogg,
        Self::Aac,
    ];

    /// As in the header `Content-Type`.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
            Self::Gif => "image/gif",
            Self::Mp4 => "video/mp4",
            Self::WebM => "video/webm",
            Self::Matroska => "video/x-matroska",
            Self::M4a => "audio/mp4",
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Ogg => "audio/ogg",
            Self::Aac => "audio/aac",
        }
    }

    /// How names of such files end, without the dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::WebP => "webp",
            Self::Gif => "gif",
            Self::Mp4 => "mp4",
            Self::WebM => "webm",
            Self::Matroska => "mkv",
            Self::M4a => "m4a",
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Ogg => "ogg",
            Self::Aac => "aac",
        }
    }

    /// What people take it for.
    pub const fn kind(self) -> MediaKind {
        match self {
            Self::Png | Self::Jpeg | Self::WebP | Self::Gif => MediaKind::Image,
            Self::Mp4 | Self::WebM | Self::Matroska => MediaKind::Video,
            Self::M4a | Self::Mp3 | Self::Wav | Self::Flac | Self::Ogg | Self::Aac => MediaKind::Audio,
        }
    }
}
