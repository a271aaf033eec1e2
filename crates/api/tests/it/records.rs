//! What accounts look up of themselves: histories, sums, ledgers; and what is forgotten in time.

mod history;
mod ledger;
mod stats;
mod texts;

use domain::{catalog::Category, id::GenerationId, time::Timestamp};
use testkit::{Account, Spender};

/// Models, two of a category among them.
const MODELS: [(&str, Category); 8] = [
    ("gpt-5", Category::Text),
    ("deepseek-v3", Category::Text),
    ("dall-e-3", Category::Image),
    ("luma-ray2", Category::Video),
    ("musicgen", Category::Music),
    ("openai-tts", Category::Tts),
    ("whisper", Category::Stt),
    ("upscale", Category::Tool),
];

/// A generation of that model, begun at that time.
async fn begin(
    spender: &Spender,
    account: &Account,
    model: (&str, Category),
    price: i64,
    at: Timestamp,
) -> GenerationId {
    spender.hold_for(account, model, price, at).await.expect("the balance covers it")
}

/// `numbers`, whose `n` goes from 0 up to `count`, in words that both databases have.
fn numbers(count: u32) -> String {
    format!(
        "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {count})"
    )
}
