//! Real media, made from a few words: the same recipe always gives the same bytes.

mod clip;
mod picture;
mod sound;

pub(crate) use clip::{Clip, Shape};
pub(crate) use picture::{Format as PictureFormat, Picture, size_of};
pub(crate) use sound::{Format as SoundFormat, Sound, duration_ms, speech_ms};

use bytes::Bytes;

/// Media that was made.
#[derive(Clone, Debug)]
pub(crate) struct Media {
    /// Its type, as a header says it.
    pub(crate) content_type: &'static str,
    /// All of it.
    pub(crate) bytes: Bytes,
}

/// How media is made. It can be written as the name of a file and read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Recipe {
    /// A picture.
    Picture(Picture),
    /// A sound.
    Sound(Sound),
    /// A film.
    Clip(Clip),
}

impl Recipe {
    /// Makes it, on a thread where it may take its time; `None` when the runtime goes away or an encoder fails.
    pub(crate) async fn make(self) -> Option<Media> {
        let made = tokio::task::spawn_blocking(move || match self {
            Self::Picture(picture) => picture.make(),
            Self::Sound(sound) => Some(sound.make()),
            Self::Clip(clip) => Some(clip.make()),
        });
        made.await.ok().flatten()
    }

    /// The name of the file.
    pub(crate) fn file_name(&self) -> String {
        match self {
            Self::Picture(picture) => picture.file_name(),
            Self::Sound(sound) => sound.file_name(),
            Self::Clip(clip) => clip.file_name(),
        }
    }

    /// The recipe with this name of a file.
    pub(crate) fn parse(file_name: &str) -> Option<Self> {
        let (stem, extension) = file_name.rsplit_once('.')?;
        let (seed, how) = stem.split_once('-')?;
        let seed = u64::from_str_radix(seed, 16).ok()?;
        Picture::parse(seed, how, extension)
            .map(Self::Picture)
            .or_else(|| Sound::parse(seed, how, extension).map(Self::Sound))
            .or_else(|| Clip::parse(seed, how, extension).map(Self::Clip))
    }
}
