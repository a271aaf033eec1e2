//! How long vendors may take for an answer.

use domain::catalog::Category;
use serde::Deserialize;

/// Milliseconds that an answer may take that comes at once, retries and pauses included, or the start of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnswerTimes {
    /// Conversations.
    pub text: i64,
    /// Pictures.
    pub image: i64,
    /// Video.
    pub video: i64,
    /// Music.
    pub music: i64,
    /// Speech from text.
    pub tts: i64,
    /// Text from speech.
    pub stt: i64,
    /// Tools that work on a picture.
    pub tool: i64,
}

impl Default for AnswerTimes {
    /// Two minutes; more for what makes long things while its caller waits.
    fn default() -> Self {
        Self { image: 180_000, music: 300_000, stt: 180_000, ..Self::all(120_000) }
    }
}

impl AnswerTimes {
    /// The same for all.
    pub const fn all(ms: i64) -> Self {
        Self { text: ms, image: ms, video: ms, music: ms, tts: ms, stt: ms, tool: ms }
    }

    /// What `category` gets.
    pub const fn of(&self, category: Category) -> i64 {
        match category {
            Category::Text => self.text,
            Category::Image => self.image,
            Category::Video => self.video,
            Category::Music => self.music,
            Category::Tts => self.tts,
            Category::Stt => self.stt,
            Category::Tool => self.tool,
        }
    }
}
