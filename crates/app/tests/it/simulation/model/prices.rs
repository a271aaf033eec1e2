//! What is sold and for how much, as the contract says it.

use serde_json::{Map, Value, json};

/// How a model answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    Text,
    AtOnce,
    Job,
}

/// Something that can be asked for.
#[derive(Debug)]
pub struct Sold {
    pub slug: &'static str,
    /// What its price depends on.
    pub choices: &'static [(&'static str, &'static str)],
    pub price: i64,
    pub min_plan: &'static str,
    pub way: Way,
    pub job_ms: i64,
}

const fn text(slug: &'static str, price: i64, min_plan: &'static str) -> Sold {
    Sold { slug, choices: &[], price, min_plan, way: Way::Text, job_ms: 0 }
}

const fn at_once(
    slug: &'static str,
    choices: &'static [(&'static str, &'static str)],
    price: i64,
    min_plan: &'static str,
) -> Sold {
    Sold { slug, choices, price, min_plan, way: Way::AtOnce, job_ms: 0 }
}

const fn job(
    slug: &'static str,
    choices: &'static [(&'static str, &'static str)],
    price: i64,
    min_plan: &'static str,
    job_ms: i64,
) -> Sold {
    Sold { slug, choices, price, min_plan, way: Way::Job, job_ms }
}

const SHORT_MS: i64 = super::super::process::JOB_MS;
/// What the catalog gives video.
const LONG_MS: i64 = 1_800_000;

pub const SOLD: &[Sold] = &[
    text("gpt-5-nano", 1, "free"),
    text("claude-haiku-4.5", 1, "free"),
    text("gpt-5", 2, "basic"),
    text("claude-opus-4.5", 6, "basic"),
    text("gpt-5.2-pro", 39, "basic"),
    at_once("dall-e-3", &[("quality", "standard"), ("size", "1024x1024")], 5, "free"),
    at_once("dall-e-3", &[("quality", "hd"), ("size", "1024x1024")], 9, "free"),
    at_once("dall-e-3", &[("quality", "hd"), ("size", "1792x1024")], 13, "free"),
    at_once("gpt-image-1.5", &[("quality", "high"), ("size", "1024x1536")], 21, "basic"),
    at_once("elevenlabs-music", &[], 58, "basic"),
    at_once("minimax-tts", &[], 1, "free"),
    job("photon-flash", &[], 1, "free", SHORT_MS),
    job("photon-1", &[], 3, "basic", SHORT_MS),
    job("midjourney-v6", &[], 14, "basic", SHORT_MS),
    job("musicgen", &[], 9, "free", SHORT_MS),
    job("luma-ray2-flash", &[("duration", "5")], 42, "free", LONG_MS),
    job("luma-ray2-flash", &[("duration", "9")], 76, "free", LONG_MS),
    job("luma-ray2", &[("duration", "9")], 224, "basic", LONG_MS),
];

impl Sold {
    /// What is asked for, with some words.
    pub fn params(&self, words: &str) -> Map<String, Value> {
        let mut params = self.choices();
        let subject = if self.slug == "minimax-tts" { "text" } else { "prompt" };
        params.insert(subject.to_owned(), json!(words));
        params
    }

    /// What its price depends on.
    pub fn choices(&self) -> Map<String, Value> {
        let value = |text: &str| text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number));
        self.choices.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    }
}

/// A plan: its tokens, its price in kopecks, and what may be begun in an hour and a day.
pub struct PlanRow {
    pub slug: &'static str,
    pub tokens: i64,
    pub kopecks: i64,
    pub hourly: i64,
    pub daily: i64,
}

/// Lowest first.
pub const PLANS: [PlanRow; 5] = [
    PlanRow { slug: "free", tokens: 50, kopecks: 0, hourly: 20, daily: 150 },
    PlanRow { slug: "basic", tokens: 300, kopecks: 89_000, hourly: 30, daily: 200 },
    PlanRow { slug: "pro", tokens: 700, kopecks: 169_000, hourly: 60, daily: 500 },
    PlanRow { slug: "vip", tokens: 1_500, kopecks: 299_000, hourly: 100, daily: 1_000 },
    PlanRow { slug: "elite", tokens: 3_000, kopecks: 499_000, hourly: 0, daily: 0 },
];

/// Packages: tokens, and price in kopecks.
pub const PACKAGES: [(&str, i64, i64); 4] =
    [("start", 50, 24_900), ("light", 100, 44_900), ("standard", 200, 79_900), ("advanced", 500, 179_000)];

pub fn plan(slug: &str) -> &'static PlanRow {
    PLANS.iter().find(|plan| plan.slug == slug).unwrap_or(&PLANS[0])
}

pub fn rank(slug: &str) -> usize {
    PLANS.iter().position(|plan| plan.slug == slug).unwrap_or_default()
}

/// What an item brings, and costs in kopecks.
pub fn item(kind: &str, slug: &str) -> (i64, i64) {
    if kind == "package" {
        let found = PACKAGES.iter().find(|(known, ..)| *known == slug).unwrap();
        return (found.1, found.2);
    }
    (plan(slug).tokens, plan(slug).kopecks)
}

/// `amount * part / whole`, rounded down.
pub fn share(amount: i64, part: i64, whole: i64) -> i64 {
    if whole <= 0 {
        return 0;
    }
    i64::try_from(i128::from(amount) * i128::from(part.clamp(0, whole)) / i128::from(whole)).unwrap()
}
