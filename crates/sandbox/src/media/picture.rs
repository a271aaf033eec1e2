//! Pictures: tiles whose colours follow from the seed.

use super::Media;
use bytes::Bytes;
use image::{ExtendedColorType, ImageEncoder, codecs};

/// Pixels on a side, at most.
const MAX_SIDE: u32 = 2048;
/// Tiles on a side.
const TILES: u32 = 8;

/// A picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    /// What it shows.
    pub(crate) seed: u64,
    /// Pixels from left to right.
    pub(crate) width: u32,
    /// Pixels from top to bottom.
    pub(crate) height: u32,
    /// Whether it has no background, where the format can say so.
    pub(crate) is_cutout: bool,
    /// How it is encoded.
    pub(crate) format: Format,
}

/// How a picture is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// PNG.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP, without loss.
    WebP,
}

impl Format {
    const ALL: [(Self, &'static str); 3] = [(Self::Png, "png"), (Self::Jpeg, "jpg"), (Self::WebP, "webp")];

    /// The format of that name; `None` for others.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = if name == "jpeg" { "jpg" } else { name };
        Self::ALL.iter().find(|(_, known)| *known == name).map(|(format, _)| *format)
    }

    fn extension(self) -> &'static str {
        Self::ALL.iter().find(|(format, _)| *format == self).map_or("", |(_, name)| name)
    }

    const fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::WebP => "image/webp",
        }
    }
}

impl Picture {
    /// A picture of that size, or the largest of that shape that is still made.
    pub(crate) fn new(seed: u64, (width, height): (u32, u32), format: Format) -> Self {
        let longest = width.max(height).max(1);
        let scaled = |side: u32| {
            let side = u64::from(side) * u64::from(MAX_SIDE) / u64::from(longest);
            u32::try_from(side).unwrap_or(MAX_SIDE).max(1)
        };
        let fit = |side: u32| if longest <= MAX_SIDE { side.max(1) } else { scaled(side) };
        Self { seed, width: fit(width), height: fit(height), is_cutout: false, format }
    }

    /// The same without its background.
    pub(crate) const fn cut_out(self, is_cutout: bool) -> Self {
        Self { is_cutout, ..self }
    }

    pub(super) fn file_name(&self) -> String {
        let Self { seed, width, height, is_cutout, format } = self;
        let cutout = if *is_cutout { "-cutout" } else { "" };
        format!("{seed:016x}-{width}x{height}{cutout}.{}", format.extension())
    }

    pub(super) fn parse(seed: u64, how: &str, extension: &str) -> Option<Self> {
        let format = Format::parse(extension)?;
        let (size, is_cutout) = how.strip_suffix("-cutout").map_or((how, false), |size| (size, true));
        let (width, height) = size.split_once('x')?;
        let size = (width.parse().ok()?, height.parse().ok()?);
        Some(Self::new(seed, size, format).cut_out(is_cutout))
    }

    /// Draws and encodes it; `None` when the encoder fails.
    pub(super) fn make(&self) -> Option<Media> {
        let Self { width, height, format, .. } = *self;
        let (pixels, color) = match format {
            Format::Jpeg => (self.pixels::<3>(), ExtendedColorType::Rgb8),
            Format::Png | Format::WebP => (self.pixels::<4>(), ExtendedColorType::Rgba8),
        };
        let mut out = Vec::new();
        let encoded = match format {
            Format::Png => codecs::png::PngEncoder::new(&mut out).write_image(&pixels, width, height, color),
            Format::Jpeg => {
                codecs::jpeg::JpegEncoder::new(&mut out).write_image(&pixels, width, height, color)
            }
            Format::WebP => {
                codecs::webp::WebPEncoder::new_lossless(&mut out).write_image(&pixels, width, height, color)
            }
        };
        encoded.inspect_err(|error| tracing::error!(%error, "picture not encoded")).ok()?;
        Some(Media { content_type: format.content_type(), bytes: Bytes::from(out) })
    }

    /// Its pixels, row by row, of so many channels. A row of tiles repeats one row of pixels, which makes drawing and
    /// packing cheap.
    fn pixels<const CHANNELS: usize>(&self) -> Vec<u8> {
        let mut pixels = Vec::with_capacity(self.width as usize * self.height as usize * CHANNELS);
        for tile_y in 0..TILES {
            let rows = edge(tile_y + 1, self.height) - edge(tile_y, self.height);
            let mut row = Vec::with_capacity(self.width as usize * CHANNELS);
            for tile_x in 0..TILES {
                let columns = edge(tile_x + 1, self.width) - edge(tile_x, self.width);
                let color = self.color(tile_x, tile_y);
                for _ in 0..columns {
                    row.extend_from_slice(&color[..CHANNELS]);
                }
            }
            for _ in 0..rows {
                pixels.extend_from_slice(&row);
            }
        }
        pixels
    }

    /// The colour of a tile. The picture is its own mirror image, so that it looks like something.
    fn color(&self, x: u32, y: u32) -> [u8; 4] {
        let x = x.min(TILES - 1 - x);
        let mixed = self.seed.wrapping_add(u64::from(y * TILES + x)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let [red, green, blue, chance, ..] = (mixed ^ (mixed >> 29)).to_be_bytes();
        let is_edge = x == 0 || y == 0 || y == TILES - 1;
        let alpha = if self.is_cutout && (is_edge || chance < 64) { 0 } else { 255 };
        [red, green, blue, alpha]
    }
}

/// The size of a picture whose shape is `width:height`, as of a square with that side, in steps of 16 as models make them;
/// `None` when the shape is no such thing.
pub(crate) fn size_of(shape: &str, side: u32) -> Option<(u32, u32)> {
    let (width, height) = shape.split_once(':')?;
    let (width, height) = (width.parse::<u64>().ok()?, height.parse::<u64>().ok()?);
    let area = u64::from(side) * u64::from(side);
    let length = |of: u64, to: u64| {
        let exact = area.checked_mul(of)?.checked_div(to)?.isqrt();
        u32::try_from(((exact + 8) / 16 * 16).max(16)).ok()
    };
    Some((length(width, height)?, length(height, width)?))
}

/// Where the tile of that number begins.
fn edge(tile: u32, side: u32) -> u32 {
    side * tile / TILES
}
