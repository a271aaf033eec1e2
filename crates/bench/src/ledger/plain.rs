//! What a ledger costs that does the same work one generation at a time: two transactions, one for the hold and one for its
//! end, one statement after the other. Rules and rows are the same; what is refused is left out, for nothing is refused here.

use super::{METADATA, MODEL, PRICE_TOKENS, PROMPT, RESULT};
use crate::{
    Result,
    accounts::Account,
    clock::SystemClock,
    database::{Database, Kind},
};
use domain::port::Clock;
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait, Value,
};

/// Connections to PostgreSQL; SQLite has one writer.
const CONNECTIONS: u32 = 32;

const LOCK_ON_POSTGRES: &str = "SELECT * FROM wallets WHERE account_id = $1 FOR UPDATE";
const LOOK_ON_SQLITE: &str = "SELECT * FROM wallets WHERE account_id = $1";
const TAKE: &str = "UPDATE wallets SET plan_available = plan_available - $2, plan_held = plan_held + $2,
    hour_count = hour_count + 1, day_count = day_count + 1 WHERE account_id = $1 AND plan_available >= $2";
const HOLD: &str = "INSERT INTO generations (account_id, id, key_id, model_slug, category, status, price_tokens, plan_tokens,
        permanent_tokens, cycle_id, node_id, created_at_ms, deadline_at_ms, held_balance_tokens)
    VALUES ($1, $2, $3, $4, 'text', 'pending', $5, $5, 0, $6, 1, $7, $8, 1)";
const FIND: &str = "SELECT * FROM generations WHERE account_id = $1 AND id = $2";
const END: &str = "UPDATE generations SET status = 'completed', completed_at_ms = $3, balance_tokens = 1, result_metadata = $4,
    vendor_cost_micro_usd = 12 WHERE account_id = $1 AND id = $2 AND status = 'pending'";
const SPEND: &str = "UPDATE wallets SET plan_held = plan_held - $2 WHERE account_id = $1";
const KEEP: &str = "INSERT INTO generation_contents (account_id, generation_id, prompt, result_text, expires_at_ms) VALUES ($1, $2, $3, $4, $5)";
const ENTER: &str =
    "INSERT INTO ledger_entries (account_id, reason, source_id, debit, credit, amount_tokens, created_at_ms)
    VALUES ($1, 'charge', $2, 'plan', 'spent', $3, $4)";

/// The way to the database. Clones share it.
#[derive(Clone)]
pub(super) struct Plain {
    db: DatabaseConnection,
    lock: &'static str,
}

impl Plain {
    pub(super) async fn connect(database: &Database) -> Result<Self> {
        let (connections, lock) = match database.kind {
            Kind::Postgres => (CONNECTIONS, LOCK_ON_POSTGRES),
            // Its transactions have the one write lock.
            Kind::Sqlite => (1, LOOK_ON_SQLITE),
        };
        Ok(Self { db: database.connect(connections).await?, lock })
    }

    pub(super) async fn generate(&self, id: i64, account: &Account) -> Result<()> {
        let now_ms = SystemClock::new().now().unix_ms();
        self.hold(id, account, now_ms).await?;
        self.complete(id, account, now_ms).await
    }

    async fn hold(&self, id: i64, account: &Account, now_ms: i64) -> Result<()> {
        let transaction = self.begin().await?;
        let account_id = account.id.0;
        self.look(&transaction, self.lock, [account_id.into()]).await?;
        self.write(&transaction, TAKE, [account_id.into(), PRICE_TOKENS.into()]).await?;
        let row = [
            account_id.into(),
            id.into(),
            account.key_id.0.into(),
            MODEL.into(),
            PRICE_TOKENS.into(),
            account.cycle_id.0.into(),
            now_ms.into(),
            (now_ms + 120_000).into(),
        ];
        self.write(&transaction, HOLD, row).await?;
        Ok(transaction.commit().await?)
    }

    async fn complete(&self, id: i64, account: &Account, now_ms: i64) -> Result<()> {
        let transaction = self.begin().await?;
        let account_id = account.id.0;
        self.look(&transaction, self.lock, [account_id.into()]).await?;
        self.look(&transaction, FIND, [account_id.into(), id.into()]).await?;
        self.write(&transaction, END, [account_id.into(), id.into(), now_ms.into(), METADATA.into()]).await?;
        self.write(&transaction, SPEND, [account_id.into(), PRICE_TOKENS.into()]).await?;
        let expires_at_ms = now_ms + 7_776_000_000;
        let contents = [account_id.into(), id.into(), PROMPT.into(), RESULT.into(), expires_at_ms.into()];
        self.write(&transaction, KEEP, contents).await?;
        let entry = [account_id.into(), id.into(), PRICE_TOKENS.into(), now_ms.into()];
        self.write(&transaction, ENTER, entry).await?;
        Ok(transaction.commit().await?)
    }

    async fn begin(&self) -> Result<DatabaseTransaction> {
        let sqlite_transaction_mode = Some(SqliteTransactionMode::Immediate);
        let options = TransactionOptions { sqlite_transaction_mode, ..Default::default() };
        Ok(self.db.begin_with_options(options).await?)
    }

    async fn look<const N: usize>(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        values: [Value; N],
    ) -> Result<()> {
        let found = transaction.query_one_raw(self.statement(sql, values)).await?;
        if found.is_some() { Ok(()) } else { Err(format!("nothing found: {sql}").into()) }
    }

    async fn write<const N: usize>(
        &self,
        transaction: &DatabaseTransaction,
        sql: &str,
        values: [Value; N],
    ) -> Result<()> {
        let written = transaction.execute_raw(self.statement(sql, values)).await?.rows_affected();
        if written == 1 { Ok(()) } else { Err(format!("{written} rows: {sql}").into()) }
    }

    fn statement<const N: usize>(&self, sql: &str, values: [Value; N]) -> Statement {
        Statement::from_sql_and_values(self.db.get_database_backend(), sql, values)
    }
}
