//! What clients ask for.

use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};

/// Milliseconds that a conversation may take at its vendor.
pub(super) const TEXT_TIMEOUT_MS: u64 = 8_000;
/// Milliseconds that anything else may take that comes at once, or the start of a job.
pub(super) const MEDIA_TIMEOUT_MS: u64 = 20_000;
/// Milliseconds that a job may take.
pub(super) const JOB_TIMEOUT_MS: u64 = 45_000;

/// None of these is about to be retired by its vendor.
const TEXT: [&str; 5] = ["gpt-5.2", "claude-haiku-4.5", "deepseek-v3", "grok-4-fast", "gemini-3-pro"];
const SPEECH: [&str; 2] = ["minimax-tts", "elevenlabs-flash"];
/// What runs as a job.
pub(super) const JOBS: [&str; 6] =
    ["photon-flash", "photon-1", "flux-1.1-pro", "midjourney-v6", "musicgen", "luma-ray2-flash"];

const TEXT_FAULTS: [&str; 7] = ["500", "429", "refuse", "malformed", "cut", "hang", "error-in-200"];
const JOB_FAULTS: [&str; 7] =
    ["500", "refuse", "job-failed", "job-stuck", "result-gone", "result-flaky", "wrong-type"];

/// How a client wants its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// In one piece.
    Plain,
    /// In pieces.
    Stream,
    /// As a job, after which it asks.
    Job,
}

/// A generation that a client asks for.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) way: Way,
    pub(super) model: &'static str,
    /// What its price depends on.
    pub(super) params: Value,
    pub(super) body: Value,
    /// Words that the answer repeats, where it is text.
    pub(super) tag: String,
    pub(super) key: Option<String>,
    /// Milliseconds for which the client waits for the first answer, where it has so little time.
    pub(super) patience_ms: Option<u64>,
    /// Whether it is to be canceled once it has begun.
    pub(super) is_canceled: bool,
}

impl Order {
    /// The next order of a client; `name` is used for none other.
    pub(super) fn draw(rng: &mut StdRng, name: &str) -> Self {
        let way = match rng.random_range(0..100) {
            0..45 => Way::Plain,
            45..70 => Way::Stream,
            _ => Way::Job,
        };
        let is_speech = way == Way::Plain && rng.random_bool(0.2);
        let model = match way {
            Way::Plain if is_speech => pick(rng, &SPEECH),
            Way::Plain | Way::Stream => pick(rng, &TEXT),
            Way::Job => pick(rng, &JOBS),
        };
        let words = words(rng, way, name);
        let params = match model {
            "luma-ray2-flash" => json!({ "duration": pick(rng, &[5, 9]) }),
            "midjourney-v6" => json!({ "aspect_ratio": pick(rng, &["1:1", "16:9"]) }),
            _ => json!({}),
        };
        let content = if is_speech { "text" } else { "prompt" };
        Self {
            way,
            model,
            body: json!({ "model": model, content: words, "params": params }),
            params,
            tag: name.to_owned(),
            key: rng.random_bool(0.6).then(|| format!("crash-{name}")),
            patience_ms: rng.random_bool(0.12).then(|| rng.random_range(20..600)),
            is_canceled: way == Way::Job && rng.random_bool(0.12),
        }
    }
}

/// Bears the client's mark, and now and then something for the vendor to fail by.
fn words(rng: &mut StdRng, way: Way, name: &str) -> String {
    let mut words = format!("Order {name}.");
    let faults = if way == Way::Job { &JOB_FAULTS } else { &TEXT_FAULTS };
    if rng.random_bool(0.25) {
        words.push_str(&format!(" [[fault:{}]]", pick(rng, faults)));
    }
    if rng.random_bool(0.6) {
        words.push_str(&format!(" [[delay:{}]]", rng.random_range(10..900)));
    }
    words
}

pub(super) fn pick<T: Copy>(rng: &mut StdRng, among: &[T]) -> T {
    among[rng.random_range(0..among.len())]
}
