//! Webhooks: who wants to hear what, and what was sent to whom.

use crate::dialect::run;
use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        run(manager, &OUTBOX).await?;
        run(manager, &WEBHOOKS).await
    }
}

const OUTBOX: [&str; 5] = [
    // Whether any endpoint of the account hears of its generations: the ledger has the row in its hands anyway.
    "ALTER TABLE wallets ADD COLUMN listens BIGINT NOT NULL DEFAULT 0 CHECK (listens IN (0, 1))",
    // Where to send word of this one generation's end.
    "ALTER TABLE generations ADD COLUMN webhook_url TEXT",
    // Events from before are nobody's news.
    "ALTER TABLE events ADD COLUMN is_new BIGINT NOT NULL DEFAULT 0 CHECK (is_new IN (0, 1))",
    "CREATE INDEX events_new ON events (created_at_ms) WHERE is_new = 1",
    "CREATE INDEX events_by_age ON events (created_at_ms)",
];

const WEBHOOKS: [&str; 8] = [
    // No secret lies here: each is made of the installation's own and the numbers of the account, the endpoint and the
    // rotation. Those from `oldest_rotation` on sign until a while after `rotated_at_ms`. `events` are names of types, parted
    // by spaces; all there are where it is NULL.
    "CREATE TABLE webhook_endpoints (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        url TEXT NOT NULL,
        events TEXT,
        rotation BIGINT NOT NULL,
        oldest_rotation BIGINT NOT NULL CHECK (oldest_rotation BETWEEN 0 AND rotation),
        rotated_at_ms BIGINT,
        disabled_at_ms BIGINT,
        failing_since_ms BIGINT,
        last_error TEXT,
        created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id)
    )",
    // An event on its way to one address; `endpoint_id` is 0 where that is a generation's own. What goes from one account to one
    // host stands in a lane of its own, and the lanes take turns. `claim` counts the workers that took it: an outcome is written
    // only under the claim it was found with.
    "CREATE TABLE webhook_deliveries (
        account_id BIGINT NOT NULL,
        id BIGINT NOT NULL,
        endpoint_id BIGINT NOT NULL,
        event_id BIGINT NOT NULL,
        url TEXT NOT NULL,
        host TEXT NOT NULL,
        lane BIGINT NOT NULL CHECK (lane >= 0),
        status TEXT NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
        attempts BIGINT NOT NULL CHECK (attempts >= 0),
        is_redelivery BIGINT NOT NULL CHECK (is_redelivery IN (0, 1)),
        due_at_ms BIGINT,
        give_up_at_ms BIGINT NOT NULL,
        claim BIGINT NOT NULL,
        leased_until_ms BIGINT NOT NULL,
        response_status BIGINT,
        error TEXT,
        last_attempt_at_ms BIGINT,
        created_at_ms BIGINT NOT NULL,
        PRIMARY KEY (account_id, id),
        CHECK ((status = 'pending') = (due_at_ms IS NOT NULL))
    )",
    "CREATE UNIQUE INDEX webhook_deliveries_once ON webhook_deliveries (account_id, event_id, endpoint_id)",
    "CREATE INDEX webhook_deliveries_by_endpoint ON webhook_deliveries (account_id, endpoint_id, id)",
    "CREATE INDEX webhook_deliveries_on_their_way ON webhook_deliveries (account_id, endpoint_id) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX webhook_deliveries_by_lane ON webhook_deliveries (lane, due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX webhook_deliveries_by_due ON webhook_deliveries (due_at_ms) WHERE due_at_ms IS NOT NULL",
    "CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at_ms)",
];
