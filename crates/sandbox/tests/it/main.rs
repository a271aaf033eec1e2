//! The sandbox as its clients see it, over real sockets.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::panic, reason = "a test that cannot go on should stop")]

mod answers;
mod books;
mod bot;
mod callbacks;
mod control;
mod elevenlabs;
mod faults;
mod inbox;
mod lab;
mod lifecycle;
mod luma;
mod media;
mod media_faults;
mod midjourney;
mod minimax;
mod openai_media;
mod payment_faults;
mod refusals;
mod replicate;
mod restart;
mod shop;
mod telegram;
mod tools;
mod yookassa;
mod yookassa_refusals;
