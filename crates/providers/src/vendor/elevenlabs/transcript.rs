//! Transcripts, plain or told apart by speaker.

use crate::wire::{error::bad_response, media::text_product};
use domain::{media::Product, port::ProviderError};
use serde::Deserialize;

/// What was heard.
#[derive(Deserialize)]
pub(super) struct Heard {
    text: Option<String>,
    words: Option<Vec<Word>>,
}

/// A word, a sound, or the space between two of them.
#[derive(Deserialize)]
struct Word {
    text: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    speaker_id: Option<String>,
}

/// A recording without speech gives an empty text.
pub(super) fn product(heard: &Heard, is_diarized: bool) -> Result<Product, ProviderError> {
    let text = heard.text.as_deref().ok_or_else(|| bad_response("the answer has no text"))?;
    match heard.words.as_deref() {
        Some(words) if is_diarized && !words.is_empty() => Ok(text_product(lines(words))),
        _ => Ok(text_product(text)),
    }
}

/// A line for each turn: `[Speaker 1]: …`, numbered in the order in which they are first heard. Spaces are words of
/// their own here, and begin no turn; what nobody is said to have said belongs to the turn that it stands in.
fn lines(words: &[Word]) -> String {
    let mut speakers: Vec<&str> = Vec::new();
    let mut turns: Vec<(usize, String)> = Vec::new();
    for word in words {
        let current = turns.last().and_then(|(number, _)| speakers.get(*number).copied());
        let is_space = word.kind.as_deref() == Some("spacing");
        let speaker = word.speaker_id.as_deref().filter(|_| !is_space || current.is_none());
        let speaker = speaker.or(current).unwrap_or_default();
        if current != Some(speaker) {
            let known = speakers.iter().position(|known| *known == speaker);
            let number = known.unwrap_or_else(|| {
                speakers.push(speaker);
                speakers.len() - 1
            });
            turns.push((number, String::new()));
        }
        if let Some((_, text)) = turns.last_mut() {
            text.push_str(word.text.as_deref().unwrap_or_default());
        }
    }
    let line = |(number, text): (usize, String)| format!("[Speaker {}]: {}", number + 1, text.trim());
    turns.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
