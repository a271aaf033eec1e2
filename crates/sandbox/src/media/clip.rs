//! Films: recordings of a test picture, tiny but whole.

use super::Media;
use bytes::Bytes;

/// A film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Clip {
    /// Which one it is. It changes the URL only.
    pub(crate) seed: u64,
    /// How long it is. The recording that comes nearest is taken.
    pub(crate) seconds: u32,
    /// Its shape.
    pub(crate) shape: Shape,
}

/// The shape of a film.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// 16:9.
    Wide,
    /// 9:16.
    Tall,
    /// 1:1.
    Square,
}

impl Shape {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Wide, "16x9"), (Self::Tall, "9x16"), (Self::Square, "1x1")];

    /// The shape that comes nearest to a width and a height.
    pub(crate) const fn nearest((width, height): (u32, u32)) -> Self {
        if width > height {
            Self::Wide
        } else if width < height {
            Self::Tall
        } else {
            Self::Square
        }
    }
}

macro_rules! recordings {
    ($($seconds:literal)+) => {
        [$((
            $seconds,
            [
                include_bytes!(concat!("../../media/clip-", $seconds, "s-16x9.mp4")).as_slice(),
                include_bytes!(concat!("../../media/clip-", $seconds, "s-9x16.mp4")).as_slice(),
                include_bytes!(concat!("../../media/clip-", $seconds, "s-1x1.mp4")).as_slice(),
            ],
        )),+]
    };
}

/// Recordings by their seconds, in the order of [`Shape::ALL`].
static RECORDINGS: [(u32, [&[u8]; 3]); 4] = recordings!(5 6 9 10);

impl Clip {
    pub(super) fn file_name(&self) -> String {
        let shape = Shape::ALL.iter().find(|(shape, _)| *shape == self.shape).map_or("", |(_, name)| name);
        format!("{:016x}-{}s-{shape}.mp4", self.seed, self.seconds)
    }

    pub(super) fn parse(seed: u64, how: &str, extension: &str) -> Option<Self> {
        let (seconds, shape) = how.split_once("s-").filter(|_| extension == "mp4")?;
        let shape = Shape::ALL.iter().find(|(_, name)| *name == shape).map(|(shape, _)| *shape)?;
        Some(Self { seed, seconds: seconds.parse().ok()?, shape })
    }

    pub(super) fn make(&self) -> Media {
        let nearest = RECORDINGS.iter().min_by_key(|(seconds, _)| seconds.abs_diff(self.seconds));
        let index = match self.shape {
            Shape::Wide => 0,
            Shape::Tall => 1,
            Shape::Square => 2,
        };
        let recording = nearest.and_then(|(_, shapes)| shapes.get(index)).copied().unwrap_or_default();
        Media { content_type: "video/mp4", bytes: Bytes::from_static(recording) }
    }
}
