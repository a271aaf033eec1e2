//! What an account has completed. A day of UTC is closed once nothing can complete in it any more: its sums are written down
//! and never change. What came after is counted from the generations themselves.
//!
//! # Why it is exact
//!
//! A generation belongs to the day in which it ended, by the clock of the process that ended it. It is counted by the rows of
//! its day or as one of the open days, and never by both, for both are read in one statement: the days of an account that
//! have rows are the closed ones, and so are all before them, because one statement writes all days up to the last.
//!
//! So what has to be kept is that nothing ends in a closed day. Let no two clocks be further apart than `S`, and let a day be
//! closed at `S` after its end or later, by the clock of whoever closes it, while no generation of the account is pending that
//! was begun before `S` after its end. One that has not completed then, as the closing statement sees it, ends later than in
//! that day: either its end's time is read after the statement began, and no clock shows that day any more; or it was read
//! before, and then the row is there, for a process calls a vendor only once its hold is on record, and it is pending,
//! begun at a time that even the fastest clock gave as less than `S` after the day, and the day stays open. A settle that is
//! slow to be written, by however much, leaves its row pending for as long.

use crate::{Error, Storage};
use domain::{
    catalog::Category,
    id::AccountId,
    time::{Day, Timestamp},
};
use sea_orm::{ConnectionTrait, QueryResult, Statement, Value};

/// What an account has completed of one category.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Usage {
    /// What was made.
    pub category: Category,
    /// Generations, ever.
    pub generations: i64,
    /// NeuralBox tokens that they cost.
    pub spent_tokens: i64,
    /// As many of them ended since the day that was asked for.
    pub recent_generations: i64,
    /// NeuralBox tokens that those cost.
    pub recent_tokens: i64,
}

/// A step through all accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OpenDays {
    /// Those with something that ended in a day that is to be closed.
    pub accounts: Vec<AccountId>,
    /// The last account that was looked at; `None` when there are no more.
    pub last: Option<AccountId>,
}

/// The sums of closed days and the generations of open ones, in one statement and so of one moment. Sums of BIGINT are cast
/// back, for PostgreSQL makes them NUMERIC.
const USAGE: &str = "
    SELECT category, CAST(SUM(generations) AS BIGINT) AS generations,
        CAST(SUM(spent_tokens) AS BIGINT) AS spent_tokens,
        CAST(SUM(CASE WHEN day >= $2 THEN generations ELSE 0 END) AS BIGINT) AS recent_generations,
        CAST(SUM(CASE WHEN day >= $2 THEN spent_tokens ELSE 0 END) AS BIGINT) AS recent_tokens
    FROM (
        SELECT category, day, generations, spent_tokens FROM usage_days WHERE account_id = $1
        UNION ALL
        SELECT category, completed_at_ms / 86400000, 1, price_tokens FROM generations
        WHERE account_id = $1 AND status = 'completed' AND completed_at_ms >=
            86400000 * (SELECT COALESCE(MAX(day) + 1, 0) FROM usage_days WHERE account_id = $1)
    ) AS days
    GROUP BY category";

/// What was spent from `$2` on: the rest of its day, the closed days from `$3` on, which begins at `$4`, and the open ones.
const SPENT_SINCE: &str = "
    SELECT CAST(COALESCE(SUM(tokens), 0) AS BIGINT) AS tokens
    FROM (
        SELECT spent_tokens AS tokens FROM usage_days WHERE account_id = $1 AND day >= $3
        UNION ALL
        SELECT price_tokens FROM generations
        WHERE account_id = $1 AND status = 'completed' AND completed_at_ms >= $2 AND completed_at_ms < $4
        UNION ALL
        SELECT price_tokens FROM generations
        WHERE account_id = $1 AND status = 'completed' AND completed_at_ms >= $4 AND completed_at_ms >=
            86400000 * (SELECT COALESCE(MAX(day) + 1, 0) FROM usage_days WHERE account_id = $1)
    ) AS parts";

/// When the first generation of an account ended that is in no closed day.
const FIRST_OPEN: &str = "
    SELECT completed_at_ms FROM generations
    WHERE account_id = $1 AND status = 'completed' AND completed_at_ms >=
        86400000 * (SELECT COALESCE(MAX(day) + 1, 0) FROM usage_days WHERE account_id = $1)
    ORDER BY completed_at_ms LIMIT 1";

/// The same for some accounts.
const OPEN: &str = "
    SELECT account_id, (
        SELECT completed_at_ms FROM generations
        WHERE account_id = these.account_id AND status = 'completed' AND completed_at_ms >=
            86400000 * (SELECT COALESCE(MAX(day) + 1, 0) FROM usage_days WHERE account_id = these.account_id)
        ORDER BY completed_at_ms LIMIT 1
    ) AS first_ms
    FROM (SELECT account_id FROM wallets WHERE account_id > $1 ORDER BY account_id LIMIT $2) AS these
    ORDER BY account_id";

/// Closes all open days of an account that end at `$2` or before, unless something is pending that was begun before `$3`.
/// Several at once write the same rows in the same order, and those of one of them stay.
const CLOSE: &str = "
    INSERT INTO usage_days (account_id, day, category, generations, spent_tokens)
    SELECT account_id, completed_at_ms / 86400000 AS day, category, COUNT(*), CAST(SUM(price_tokens) AS BIGINT)
    FROM generations
    WHERE account_id = $1 AND status = 'completed' AND completed_at_ms < $2 AND completed_at_ms >=
            86400000 * (SELECT COALESCE(MAX(day) + 1, 0) FROM usage_days WHERE account_id = $1)
        AND NOT EXISTS (SELECT 1 FROM generations
            WHERE account_id = $1 AND status = 'pending' AND created_at_ms < $3)
    GROUP BY account_id, completed_at_ms / 86400000, category
    ORDER BY day, category
    ON CONFLICT DO NOTHING";

impl Storage {
    /// What an account has completed, by category; `recent` counts from the beginning of a day on.
    ///
    /// # Errors
    /// The database's.
    pub async fn usage(&self, account_id: AccountId, recent: Day) -> Result<Vec<Usage>, Error> {
        let values: [Value; 2] = [account_id.0.into(), recent.number().into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), USAGE, values);
        self.db.reader().query_all_raw(statement).await?.iter().map(usage).collect()
    }

    /// NeuralBox tokens that generations of the account have cost that completed at `since` or later.
    ///
    /// # Errors
    /// The database's.
    pub async fn tokens_spent_since(&self, account_id: AccountId, since: Timestamp) -> Result<i64, Error> {
        let day = Day::of(since);
        let first_whole = if day.starts_at() == since { day } else { day.plus_days(1) };
        let (number, starts_at) = (first_whole.number(), first_whole.starts_at());
        let values: [Value; 4] =
            [account_id.0.into(), since.unix_ms().into(), number.into(), starts_at.unix_ms().into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), SPENT_SINCE, values);
        let row = self.db.reader().query_one_raw(statement).await?;
        row.map_or(Ok(0), |row| Ok(row.try_get("", "tokens")?))
    }

    /// Which of the next `limit` accounts after `after` have something that ended before `end` in no closed day.
    ///
    /// # Errors
    /// The database's.
    pub async fn open_days(&self, after: AccountId, end: Timestamp, limit: u32) -> Result<OpenDays, Error> {
        let values: [Value; 2] = [after.0.into(), i64::from(limit).into()];
        let statement = Statement::from_sql_and_values(self.db.backend(), OPEN, values);
        let mut open = OpenDays::default();
        for row in self.db.reader().query_all_raw(statement).await? {
            let account_id = AccountId(row.try_get("", "account_id")?);
            open.last = Some(account_id);
            let first_ms: Option<i64> = row.try_get("", "first_ms")?;
            if first_ms.is_some_and(|first_ms| first_ms < end.unix_ms()) {
                open.accounts.push(account_id);
            }
        }
        Ok(open)
    }

    /// Closes an account's days that end at `end`, the beginning of a day, or before. Nothing is closed while a generation is
    /// pending that was begun before `begun_before`: how far that must be after `end`, and how far in the past, says the head
    /// of this file. Any number of processes may do so at once. Each day is a transaction, so that an account with years to
    /// close keeps nobody waiting. Whether this process has closed any.
    ///
    /// # Errors
    /// The database's.
    pub async fn close_days(
        &self,
        account_id: AccountId,
        end: Day,
        begun_before: Timestamp,
    ) -> Result<bool, Error> {
        let (mut closed, mut tried) = (false, None);
        while let Some(day) = self.first_open_day(account_id).await?.filter(|day| *day < end) {
            // Neither this nor another process could close it: something is pending.
            if tried == Some(day) {
                break;
            }
            let end_ms = day.plus_days(1).starts_at().unix_ms();
            let values: [Value; 3] = [account_id.0.into(), end_ms.into(), begun_before.unix_ms().into()];
            let statement = Statement::from_sql_and_values(self.db.backend(), CLOSE, values);
            closed |= self.db.background().execute_raw(statement).await?.rows_affected() > 0;
            tried = Some(day);
        }
        Ok(closed)
    }

    async fn first_open_day(&self, account_id: AccountId) -> Result<Option<Day>, Error> {
        let statement = Statement::from_sql_and_values(self.db.backend(), FIRST_OPEN, [account_id.0.into()]);
        let Some(row) = self.db.reader().query_one_raw(statement).await? else { return Ok(None) };
        Ok(Some(Day::of(Timestamp::from_unix_ms(row.try_get("", "completed_at_ms")?))))
    }
}

fn usage(row: &QueryResult) -> Result<Usage, Error> {
    let name: String = row.try_get("", "category")?;
    let category = Category::ALL.into_iter().find(|category| category.name() == name);
    let number = |column: &str| row.try_get::<i64>("", column);
    Ok(Usage {
        category: category.ok_or_else(|| Error::BadRow(format!("generations of category {name}")))?,
        generations: number("generations")?,
        spent_tokens: number("spent_tokens")?,
        recent_generations: number("recent_generations")?,
        recent_tokens: number("recent_tokens")?,
    })
}
