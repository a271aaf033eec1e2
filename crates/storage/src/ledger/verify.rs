//! Replaying the ledger.

use crate::{Error, db::Db};
use sea_orm::{ConnectionTrait, DatabaseTransaction, QueryResult, Statement};

/// A place where the books do not agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyProblem {
    /// Whose.
    pub account_id: i64,
    /// What does not agree.
    pub message: String,
}

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Wallets compared.
    pub wallets: i64,
    /// Entries replayed.
    pub entries: i64,
    /// Generations compared with their charges.
    pub generations: i64,
    /// Holds that are open.
    pub open_holds: i64,
    /// Disagreements, the first hundred of each kind.
    pub problems: Vec<VerifyProblem>,
}

/// Wallets that differ from the replay of their entries less their open holds. Sums of BIGINT are cast back, for
/// PostgreSQL makes them NUMERIC.
const WALLETS: &str = "
    WITH moved AS (
        SELECT account_id,
            CAST(SUM(CASE WHEN credit = 'plan' THEN amount_tokens WHEN debit = 'plan' THEN -amount_tokens ELSE 0 END)
                AS BIGINT) AS plan,
            CAST(SUM(CASE WHEN credit = 'permanent' THEN amount_tokens WHEN debit = 'permanent' THEN -amount_tokens
                ELSE 0 END) AS BIGINT) AS permanent,
            CAST(SUM(CASE WHEN debit = 'owed' THEN amount_tokens WHEN credit = 'owed' THEN -amount_tokens ELSE 0 END)
                AS BIGINT) AS owed
        FROM ledger_entries GROUP BY account_id
    ), held AS (
        SELECT account_id, CAST(SUM(plan_tokens) AS BIGINT) AS plan,
            CAST(SUM(permanent_tokens) AS BIGINT) AS permanent
        FROM generations WHERE status = 'pending' GROUP BY account_id
    ), compared AS (
        SELECT w.account_id, w.plan_available + w.plan_held AS plan_has,
            COALESCE(moved.plan, 0) AS plan_replayed,
            w.permanent_available + w.permanent_held AS permanent_has,
            COALESCE(moved.permanent, 0) AS permanent_replayed,
            w.plan_held AS plan_held_has, COALESCE(held.plan, 0) AS plan_held_open,
            w.permanent_held AS permanent_held_has, COALESCE(held.permanent, 0) AS permanent_held_open,
            w.owed_tokens AS owed_has, COALESCE(moved.owed, 0) AS owed_replayed
        FROM wallets w
            LEFT JOIN moved ON moved.account_id = w.account_id
            LEFT JOIN held ON held.account_id = w.account_id
    )
    SELECT * FROM compared
    WHERE plan_has <> plan_replayed OR permanent_has <> permanent_replayed
        OR plan_held_has <> plan_held_open OR permanent_held_has <> permanent_held_open
        OR owed_has <> owed_replayed
    ORDER BY account_id LIMIT 100";

/// Generations whose charge is not their price (completed), or not nothing (the others), bucket by bucket.
const CHARGES: &str = "
    WITH charged AS (
        SELECT account_id, source_id,
            CAST(SUM(CASE WHEN debit = 'plan' THEN amount_tokens ELSE 0 END) AS BIGINT) AS plan,
            CAST(SUM(CASE WHEN debit = 'permanent' THEN amount_tokens ELSE 0 END) AS BIGINT) AS permanent
        FROM ledger_entries WHERE reason = 'charge' GROUP BY account_id, source_id
    )
    SELECT g.account_id, g.id, g.status, g.price_tokens,
        COALESCE(charged.plan, 0) + COALESCE(charged.permanent, 0) AS charged_tokens
    FROM generations g
        LEFT JOIN charged ON charged.account_id = g.account_id AND charged.source_id = g.id
    WHERE (g.status = 'completed'
            AND (COALESCE(charged.plan, 0) <> g.plan_tokens
                OR COALESCE(charged.permanent, 0) <> g.permanent_tokens))
        OR (g.status <> 'completed' AND charged.source_id IS NOT NULL)
    ORDER BY g.account_id, g.id LIMIT 100";

/// Charges without a generation, and entries without a wallet.
const STRAYS: &str = "
    SELECT e.account_id, e.reason, e.source_id FROM ledger_entries e
        LEFT JOIN wallets w ON w.account_id = e.account_id
        LEFT JOIN generations g ON g.account_id = e.account_id AND g.id = e.source_id
    WHERE w.account_id IS NULL
        OR (e.reason IN ('charge', 'late_release', 'charge_refund', 'charge_refund_plan') AND g.id IS NULL)
    ORDER BY e.account_id, e.source_id LIMIT 100";

/// Generations of whose charge something else came back than their row says.
const REFUNDS: &str = "
    WITH returned AS (
        SELECT account_id, source_id, CAST(SUM(amount_tokens) AS BIGINT) AS tokens FROM ledger_entries
        WHERE reason IN ('charge_refund', 'charge_refund_plan') GROUP BY account_id, source_id
    )
    SELECT g.account_id, g.id, COALESCE(g.refunded_tokens, 0) AS refunded_tokens,
        COALESCE(returned.tokens, 0) AS returned_tokens
    FROM generations g
        LEFT JOIN returned ON returned.account_id = g.account_id AND returned.source_id = g.id
    WHERE COALESCE(g.refunded_tokens, 0) <> COALESCE(returned.tokens, 0)
    ORDER BY g.account_id, g.id LIMIT 100";

/// Keys whose used tokens are not what their generations of that month hold and have spent.
const KEYS: &str = "
    WITH counted AS (
        SELECT account_id, key_id, key_month, CAST(SUM(price_tokens) AS BIGINT) AS used_tokens
        FROM generations WHERE key_month IS NOT NULL AND status <> 'failed'
        GROUP BY account_id, key_id, key_month
    )
    SELECT u.account_id, u.key_id, u.used_tokens, COALESCE(counted.used_tokens, 0) AS counted_tokens
    FROM key_uses u
        LEFT JOIN counted ON counted.account_id = u.account_id AND counted.key_id = u.key_id
            AND counted.key_month = u.month
    WHERE u.used_tokens <> COALESCE(counted.used_tokens, 0)
    ORDER BY u.account_id, u.key_id LIMIT 100";

pub(super) async fn run(db: &Db) -> Result<VerifyReport, Error> {
    let snapshot = db.begin_snapshot().await?;
    db.without_timeout(&snapshot).await?;
    let mut report = VerifyReport {
        wallets: count(&snapshot, "SELECT COUNT(*) AS n FROM wallets").await?,
        entries: count(&snapshot, "SELECT COUNT(*) AS n FROM ledger_entries").await?,
        generations: count(&snapshot, "SELECT COUNT(*) AS n FROM generations").await?,
        open_holds: count(&snapshot, "SELECT COUNT(*) AS n FROM generations WHERE status = 'pending'")
            .await?,
        problems: Vec::new(),
    };
    for row in rows(&snapshot, WALLETS).await? {
        report
            .problems
            .push(VerifyProblem { account_id: number(&row, "account_id")?, message: differing(&row)? });
    }
    for row in rows(&snapshot, CHARGES).await? {
        let status: String = row.try_get("", "status")?;
        let (id, price) = (number(&row, "id")?, number(&row, "price_tokens")?);
        let charged = number(&row, "charged_tokens")?;
        let message = format!("generation {id} is {status} at {price} tokens, charged {charged}");
        report.problems.push(VerifyProblem { account_id: number(&row, "account_id")?, message });
    }
    for row in rows(&snapshot, REFUNDS).await? {
        let (id, refunded) = (number(&row, "id")?, number(&row, "refunded_tokens")?);
        let returned = number(&row, "returned_tokens")?;
        let message = format!("generation {id} was given {refunded} tokens back, its entries say {returned}");
        report.problems.push(VerifyProblem { account_id: number(&row, "account_id")?, message });
    }
    for row in rows(&snapshot, STRAYS).await? {
        let reason: String = row.try_get("", "reason")?;
        let message = format!("an entry of reason {reason} has no source {}", number(&row, "source_id")?);
        report.problems.push(VerifyProblem { account_id: number(&row, "account_id")?, message });
    }
    for row in rows(&snapshot, KEYS).await? {
        let (key, used) = (number(&row, "key_id")?, number(&row, "used_tokens")?);
        let counted = number(&row, "counted_tokens")?;
        let message = format!("key {key} has used {used} tokens of its month, its generations {counted}");
        report.problems.push(VerifyProblem { account_id: number(&row, "account_id")?, message });
    }
    Ok(report)
}

/// Which numbers of a wallet differ from the replay, and how.
fn differing(row: &QueryResult) -> Result<String, Error> {
    let pairs = [
        ("plan tokens", "plan_has", "plan_replayed"),
        ("permanent tokens", "permanent_has", "permanent_replayed"),
        ("held plan tokens", "plan_held_has", "plan_held_open"),
        ("held permanent tokens", "permanent_held_has", "permanent_held_open"),
        ("owed tokens", "owed_has", "owed_replayed"),
    ];
    let mut differences = Vec::new();
    for (what, has, replayed) in pairs {
        let (has, replayed) = (number(row, has)?, number(row, replayed)?);
        if has != replayed {
            differences.push(format!("{what}: wallet {has}, replay {replayed}"));
        }
    }
    Ok(differences.join("; "))
}

async fn rows(snapshot: &DatabaseTransaction, sql: &str) -> Result<Vec<QueryResult>, Error> {
    let statement = Statement::from_string(snapshot.get_database_backend(), sql);
    Ok(snapshot.query_all_raw(statement).await?)
}

async fn count(snapshot: &DatabaseTransaction, sql: &str) -> Result<i64, Error> {
    let rows = rows(snapshot, sql).await?;
    rows.first().map_or(Ok(0), |row| number(row, "n"))
}

fn number(row: &QueryResult, column: &str) -> Result<i64, Error> {
    Ok(row.try_get("", column)?)
}
