#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on should stop")]
//! What adapters say and understand, by fixtures after the vendors' documentation; and what the client does over real
//! sockets.

mod admission;
mod answers;
mod conformance;
mod elevenlabs;
mod errors;
mod fetch;
mod jobs;
mod limits;
mod luma;
mod media_conformance;
mod media_odd_bytes;
mod media_subject;
mod midjourney;
mod minimax;
mod observer;
mod odd_bytes;
mod openai_media;
mod registry;
mod repeats;
mod replicate;
mod requests;
mod retries;
mod streams;
mod subject;
mod tools;
mod usage;
