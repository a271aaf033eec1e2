//! What the sandbox says: always the same words to the same request.

use crate::{
    hash::fnv1a,
    tools::{Called, Format, Wishes, sample},
};
use serde_json::json;

/// Words of the prompt that are echoed, at most, and their characters, at most.
const ECHO_WORDS: usize = 40;
const ECHO_CHARS: usize = 400;
/// Words in one delta of a stream, and its characters, at most.
const DELTA_WORDS: usize = 3;
const DELTA_CHARS: usize = 32;

const SENTENCES: [&str; 8] = [
    "The harbour was quiet before the first boat came in.",
    "A good map leaves out more than it shows.",
    "Every clock in the house told a different hour.",
    "Rain on the roof made the kitchen feel smaller and warmer.",
    "Nobody remembered who had planted the old pear tree.",
    "The letter arrived a week after its answer.",
    "Two of the three bridges were open, and one was enough.",
    "She counted the steps twice and got the same number.",
];

/// What a model that thinks says to itself.
const THINKING: &str = "First I read the question, then I answer it.";

/// What is said in place of an answer that is refused.
pub(crate) const REFUSAL: &str = "I'm sorry, but I can't help with that.";

/// A question, read and found right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ask {
    /// The model asked for.
    pub(crate) model: String,
    /// The last words of the user.
    pub(crate) prompt: String,
    /// Words of the whole conversation.
    pub(crate) input_words: usize,
    /// Words that the answer may have, where the request says so.
    pub(crate) ceiling: Option<usize>,
    /// Whether the model thinks before it speaks.
    pub(crate) thinks: bool,
    /// Whether a stream is wanted.
    pub(crate) stream: bool,
    /// Whether that stream is to end with a frame of usage, where the vendor leaves the choice.
    pub(crate) include_usage: bool,
    /// Whether its frames are padded, where the vendor does that.
    pub(crate) obfuscate: bool,
    /// What is wanted beside words.
    pub(crate) wishes: Wishes,
}

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// What is said; empty when functions are called.
    pub(crate) text: String,
    /// Functions to call.
    pub(crate) calls: Vec<Called>,
    /// Words in either.
    pub(crate) words: usize,
    /// What was thought before; empty when nothing was.
    pub(crate) thinking: String,
    /// Words in that.
    pub(crate) thinking_words: usize,
    /// Whether the ceiling cut it short.
    pub(crate) is_cut: bool,
}

impl Answer {
    /// The answer to `ask`. Thinking takes only what the ceiling leaves, so that a low one still shows words, and no
    /// count is ever above it.
    pub(crate) fn to(ask: &Ask) -> Self {
        let ceiling = ask.ceiling.unwrap_or(usize::MAX);
        let calls = ask.wishes.calls(&ask.prompt);
        let (text, words, is_cut) = if calls.is_empty() {
            let whole = ask.wishes.until_stop(&said(ask)).to_owned();
            let (text, words) = first_words(&whole, ceiling);
            (text, words, words < count_words(&whole))
        } else {
            let words = calls.iter().map(|call| count_words(&call.arguments.to_string())).sum::<usize>();
            (String::new(), words.min(ceiling), false)
        };
        let room = if ask.thinks { ceiling.saturating_sub(words) } else { 0 };
        let (thinking, thinking_words) = first_words(THINKING, room);
        Self { is_cut, text, calls, words, thinking, thinking_words }
    }
}

/// All that there is to say, in the form that is wanted.
fn said(ask: &Ask) -> String {
    let (echo, sentences) = (echo(&ask.prompt), sentences(&ask.prompt));
    match &ask.wishes.format {
        Format::Text => format!("Echo of {}: {echo} {sentences}", ask.model),
        Format::Json => json!({ "echo": echo, "sentences": sentences }).to_string(),
        Format::Schema(schema) => sample(schema).to_string(),
    }
}

/// Words of a text: what lies between white space. They stand in for a vendor's tokens.
pub(crate) fn count_words(text: &str) -> usize {
    text.split_whitespace().count()
}

/// A text in pieces as a stream brings it, which joined give the text. A piece never parts a character.
pub(crate) fn pieces(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        // A space belongs to the word after it, as in vendors' tokens, so one at the start parts nothing.
        let by_words = rest.char_indices().skip(1).filter(|(_, c)| c.is_whitespace()).nth(DELTA_WORDS - 1);
        let by_chars = rest.char_indices().nth(DELTA_CHARS);
        let end = by_words.into_iter().chain(by_chars).map(|(at, _)| at).min().unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        pieces.push(piece);
        rest = after;
    }
    pieces
}

fn first_words(text: &str, count: usize) -> (String, usize) {
    let words: Vec<&str> = text.split_whitespace().take(count).collect();
    (words.join(" "), words.len())
}

fn echo(prompt: &str) -> String {
    let (words, _) = first_words(prompt, ECHO_WORDS);
    words.chars().take(ECHO_CHARS).collect()
}

fn sentences(prompt: &str) -> String {
    let hash = fnv1a(prompt.as_bytes());
    // An odd stride meets each of the eight before it comes back to the first.
    let stride = (hash >> 32) | 1;
    let chosen = [0, 1, 2].map(|n| SENTENCES[(hash.wrapping_add(stride.wrapping_mul(n)) % 8) as usize]);
    chosen.join(" ")
}
