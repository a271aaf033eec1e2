//! A million generations by SQL, past the ledger, which would take an hour.

use domain::time::{DAY_MS, Timestamp};
use testkit::{Backend, TestDatabase};

/// The account that is asked about.
pub(crate) const ACCOUNT_ID: i64 = 7;
/// Over how many days its generations are spread, the last of which is today.
pub(crate) const DAYS: i64 = 730;
/// The id of its first generation; the others follow.
pub(crate) const FIRST_ID: i64 = 1_000_000;
/// Other accounts, of a thousand generations each.
const OTHERS: i64 = 100;
/// Rows that one statement enters.
const STEP: i64 = 50_000;

/// Fills the tables as life would have: most of it long ago and cleaned up after, the last days not yet.
pub(crate) async fn fill(database: &TestDatabase, backend: Backend, generations: i64, now: Timestamp) {
    let midnight_ms = now.unix_ms() - now.unix_ms().rem_euclid(DAY_MS);
    // The clock stands at midnight: today has half a day of generations nevertheless, by a clock that is ahead.
    let span = Span { start_ms: midnight_ms - (DAYS - 1) * DAY_MS - DAY_MS / 2, ms: DAYS * DAY_MS };
    for account_id in [ACCOUNT_ID].into_iter().chain(1_000..1_000 + OTHERS) {
        database.execute(&wallet(account_id)).await.expect("a wallet");
    }
    for other in 0..OTHERS {
        let rows = Rows {
            account_id: 1_000 + other,
            first_id: 10_000_000 + other * 1_000,
            from: 0,
            to: 1_000,
            of: 1_000,
        };
        enter(database, &rows, span).await;
    }
    // The last hundredth comes after the database has cleaned up.
    let clean = generations - generations / 100;
    for from in (0..generations).step_by(usize::try_from(STEP).expect("a small number")) {
        eprintln!("{backend:?}: {from} of {generations} generations");
        for (from, to) in
            [(from, (from + STEP).min(clean)), (from.max(clean), (from + STEP).min(generations))]
        {
            if from < to {
                let rows = Rows { account_id: ACCOUNT_ID, first_id: FIRST_ID, from, to, of: generations };
                enter(database, &rows, span).await;
            }
            if to == clean {
                clean_up(database, backend).await;
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Span {
    start_ms: i64,
    ms: i64,
}

/// Rows `from` up to `to` of an account that has `of`.
struct Rows {
    account_id: i64,
    first_id: i64,
    from: i64,
    to: i64,
    of: i64,
}

async fn enter(database: &TestDatabase, rows: &Rows, span: Span) {
    let Rows { account_id, first_id, from, to, of } = rows;
    let Span { start_ms, ms } = span;
    let numbers = format!(
        "WITH RECURSIVE numbers(n) AS (SELECT CAST({from} AS BIGINT) UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < {to})"
    );
    // One in 25 failed, the last 20 are pending; one model in a thousand, and one that made three things ever.
    let status =
        format!("CASE WHEN n >= {of} - 20 THEN 'pending' WHEN n % 25 = 3 THEN 'failed' ELSE 'completed' END");
    let created = format!("{start_ms} + n * {ms} / {of}");
    let model = format!(
        "CASE WHEN n % ({of} / 3) = 5 THEN 'text-ocr' WHEN n % 1000 = 9 THEN 'musicgen' WHEN n % 10 < 6 THEN 'gpt-5'
            WHEN n % 10 < 8 THEN 'deepseek-v3' ELSE 'dall-e-3' END"
    );
    let category = format!(
        "CASE WHEN n % ({of} / 3) = 5 THEN 'tool' WHEN n % 1000 = 9 THEN 'music' WHEN n % 10 < 8 THEN 'text'
            ELSE 'image' END"
    );
    let generations = format!(
        "INSERT INTO generations (account_id, id, key_id, model_slug, category, status, price_tokens, plan_tokens,
            permanent_tokens, node_id, created_at_ms, deadline_at_ms, completed_at_ms, error_code, error_message,
            result_metadata)
        {numbers} SELECT {account_id}, {first_id} + n, 1, {model}, {category}, {status}, 1 + n % 9, 0, 1 + n % 9, 1,
            {created}, {created} + 60000, CASE WHEN n >= {of} - 20 THEN NULL ELSE {created} + 900 END,
            CASE ({status}) WHEN 'failed' THEN 'provider_error' END, CASE ({status}) WHEN 'failed' THEN 'It broke.' END,
            '{{\"finish_reason\":\"stop\",\"usage\":{{\"input_tokens\":9,\"output_tokens\":70}}}}' FROM numbers"
    );
    let contents = format!(
        "INSERT INTO generation_contents (account_id, generation_id, prompt, result_text)
        SELECT account_id, id, 'Why is the sea salt?',
            'Because rivers wash salt out of the rocks, and the sun takes the water away again but not the salt.'
        FROM generations WHERE account_id = {account_id} AND status = 'completed'
            AND id >= {first_id} + {from} AND id < {first_id} + {to}"
    );
    let entries = format!(
        "INSERT INTO ledger_entries (account_id, reason, source_id, debit, credit, amount_tokens, created_at_ms)
        SELECT account_id, 'charge', id, 'permanent', 'spent', price_tokens, completed_at_ms
        FROM generations WHERE account_id = {account_id} AND status = 'completed'
            AND id >= {first_id} + {from} AND id < {first_id} + {to}"
    );
    for sql in [generations, contents, entries] {
        database.execute(&sql).await.expect("rows are entered");
    }
}

fn wallet(account_id: i64) -> String {
    format!(
        "INSERT INTO wallets (account_id, plan_available, permanent_available, plan_held, permanent_held)
        VALUES ({account_id}, 0, 1000, 0, 0)"
    )
}

/// What PostgreSQL does by itself after a while.
async fn clean_up(database: &TestDatabase, backend: Backend) {
    if backend == Backend::Postgres {
        for table in ["generations", "generation_contents", "ledger_entries", "wallets"] {
            database.execute(&format!("VACUUM (ANALYZE) {table}")).await.expect("the table is cleaned up");
        }
    }
}
