//! What accounts look up: histories by model, by category and by what became of it, use by the day, and the ledger by time.
//! And until when texts are kept.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &CATEGORY).await?;
        run(manager, &HISTORY).await?;
        run(manager, &USAGE).await?;
        run(manager, &ENTRIES).await?;
        run(manager, &TEXTS).await
    }
}

/// What was made, so that a history does not depend on today's catalog. Generations of before are sorted by the catalog
/// that was built in until now; models that it did not have count as text.
const CATEGORY: [&str; 2] = [
    "ALTER TABLE generations ADD COLUMN category TEXT NOT NULL DEFAULT 'text'",
    // One pass over the table, which writes only what is no text.
    "WITH sorted (model_slug, category) AS (VALUES
        ('photon-flash', 'image'), ('dall-e-3', 'image'), ('gpt-image-1.5', 'image'),
        ('flux-1.1-pro', 'image'), ('flux-kontext-pro', 'image'), ('sd-3.5-large', 'image'),
        ('midjourney-v6', 'image'), ('midjourney-turbo', 'image'), ('recraft-v3', 'image'),
        ('photon-1', 'image'), ('nano-banana-pro', 'image'), ('nano-banana-pro-2k', 'image'),
        ('luma-ray2-flash', 'video'), ('kling-v2.1', 'video'), ('kling-v2.1-pro', 'video'),
        ('minimax-video', 'video'), ('luma-ray2', 'video'), ('luma-ray2-1080p', 'video'),
        ('mj-video-480p', 'video'), ('mj-video-720p', 'video'),
        ('musicgen', 'music'), ('elevenlabs-music', 'music'),
        ('minimax-tts', 'tts'), ('openai-tts', 'tts'), ('openai-tts-hd', 'tts'), ('gpt-4o-mini-tts', 'tts'),
        ('elevenlabs-flash', 'tts'), ('elevenlabs-v2', 'tts'),
        ('whisper', 'stt'), ('gpt-4o-transcribe', 'stt'), ('elevenlabs-scribe', 'stt'),
        ('upscale', 'tool'), ('face-swap', 'tool'), ('remove-bg', 'tool'), ('style-transfer', 'tool'),
        ('colorize', 'tool'), ('inpaint', 'tool'), ('text-ocr', 'tool')
    )
    UPDATE generations SET category = sorted.category FROM sorted
    WHERE generations.model_slug = sorted.model_slug",
];

/// A hold is entered in one of these and a settle in each once. To a settle that is no more than it was: `status` has been in
/// an index's condition from the first, so on PostgreSQL its update never was a light one (HOT). The few that are pending
/// are sorted out by hand.
const HISTORY: [&str; 3] = [
    "CREATE INDEX generations_by_age ON generations (account_id, status, created_at_ms, id)",
    "CREATE INDEX generations_by_model ON generations (account_id, model_slug, status, created_at_ms, id)
        WHERE status <> 'pending'",
    "CREATE INDEX generations_by_category ON generations (account_id, category, status, created_at_ms, id)
        WHERE status <> 'pending'",
];

/// What an account completed in a day of UTC, counted from 1970, in rows that are written once and never change. The days
/// that are not there yet are counted from the index, which has all that it takes.
const USAGE: [&str; 3] = [
    "CREATE TABLE usage_days (
        account_id BIGINT NOT NULL,
        day BIGINT NOT NULL,
        category TEXT NOT NULL,
        generations BIGINT NOT NULL CHECK (generations > 0),
        spent_tokens BIGINT NOT NULL CHECK (spent_tokens > 0),
        PRIMARY KEY (account_id, day, category)
    )",
    "CREATE INDEX generations_by_completion ON generations (account_id, completed_at_ms, category, price_tokens)
        WHERE status = 'completed'",
    "INSERT INTO daily_work (name, due_at_ms, leased_until_ms) VALUES ('usage', 0, 0)",
];

const ENTRIES: [&str; 1] =
    ["CREATE INDEX ledger_entries_by_age ON ledger_entries (account_id, created_at_ms)"];

/// Texts of before are kept: what plan their account was on is not known any more.
const TEXTS: [&str; 2] = [
    "ALTER TABLE generation_contents ADD COLUMN expires_at_ms BIGINT",
    "CREATE INDEX generation_contents_by_expiry ON generation_contents (expires_at_ms)
        WHERE expires_at_ms IS NOT NULL",
];
