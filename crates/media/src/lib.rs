//! Pictures, video and sound: what a file is, how large and how long, and pictures in another format.
//!
//! Files come from vendors and clients, so nothing about them is believed: kinds are told by looking, sizes are limited
//! before anything is decoded, and whatever the bytes, the answer is a value.
//!
//! Everything here blocks and may work for a second: callers run it on a thread where that is allowed, and few at once,
//! as a picture at the limits takes half a gigabyte.

mod convert;
mod error;
mod inspect;
mod media_type;
mod picture;
mod sniff;
mod thumbnail;
mod tracks;
mod whole;

pub use convert::{Converted, ImageFormat, convert};
pub use error::MediaError;
pub use inspect::{Inspected, inspect};
pub use media_type::{MediaKind, MediaType};
pub use picture::{MAX_PICTURE_BYTES, MAX_PIXELS, MAX_SIDE_PX};
pub use sniff::{HEAD_BYTES, sniff};
pub use thumbnail::thumbnail;
pub use whole::check_whole;
