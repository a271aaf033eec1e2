//! What is heard in a sound: the same words to the same file, and none of them true.

use crate::{form::Part, media::duration_ms};

/// What was heard.
#[derive(Clone, Debug)]
pub(crate) struct Transcript {
    /// All words, with spaces between them.
    pub(crate) text: String,
    /// Each word.
    pub(crate) words: Vec<Word>,
    /// How long the sound is.
    pub(crate) duration_ms: u64,
}

/// A word and when it was said.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    /// The word.
    pub(crate) text: String,
    /// When it begins.
    pub(crate) start_ms: u64,
    /// When it ends, which is when the next one begins.
    pub(crate) end_ms: u64,
}

impl Transcript {
    /// What is heard in a file: its type and its size, said over its whole length.
    pub(crate) fn of(file: &Part) -> Self {
        let (bytes, extension) = (file.bytes.len(), file.extension());
        let kind = if extension.is_empty() { "sound".to_owned() } else { extension };
        let text = format!("I listened to a file of {bytes} bytes of {kind} and heard nothing but the sea.");
        let duration_ms = duration_ms(&file.bytes);
        let words: Vec<&str> = text.split(' ').collect();
        let count = words.len() as u64;
        let at = |index: u64| duration_ms.saturating_mul(index) / count.max(1);
        let word = |(index, text): (u64, &str)| Word {
            text: text.to_owned(),
            start_ms: at(index),
            end_ms: at(index.saturating_add(1)),
        };
        let words = (0..).zip(words).map(word).collect();
        Self { text, words, duration_ms }
    }
}

/// Milliseconds as seconds with a fraction.
pub(crate) fn seconds(ms: u64) -> f64 {
    // Below 2^53 for any sound that fits into memory.
    ms as f64 / 1000.0
}
