//! Reading the whole ledger for a report: account by account and entry by entry, in one snapshot, so that memory does not
//! grow with it.

use super::rows;
use crate::{
    Error, Storage,
    entity::{cycle, ledger_entry, payment, refund, wallet},
    ledger::wallet_from,
};
use domain::{
    billing::report::{AccountBooks, AccountReckoning, ChargedGeneration, CycleBooks, Report, ReportTerms},
    id::CycleId,
    ledger::{Entry, Leg, Wallet},
    time::Timestamp,
};
use futures_util::TryStreamExt;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseTransaction, EntityTrait, FromQueryResult, QueryFilter,
    QueryOrder, QueryResult, QuerySelect, Statement, StreamTrait,
};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Accounts whose payments are in memory at the same time.
const PAGE_LEN: u64 = 200;

/// Entries of some accounts, each account's by time and then by source, with the generation behind it. A charge that comes
/// back may pay a debt at once: tokens come before they go.
const ENTRIES: &str = "
    SELECT e.account_id, e.reason, e.source_id, e.debit, e.credit, e.amount_tokens, e.created_at_ms,
        g.model_slug, g.cycle_id, g.vendor_cost_micro_usd
    FROM ledger_entries e
        LEFT JOIN generations g
            ON e.reason IN ('charge', 'late_release', 'charge_refund', 'charge_refund_plan', 'debt_recovery')
            AND g.account_id = e.account_id AND g.id = e.source_id
    WHERE e.account_id BETWEEN $1 AND $2
    ORDER BY e.account_id, e.created_at_ms, e.source_id,
        CASE WHEN e.debit IN ('plan', 'permanent') THEN 1 ELSE 0 END, e.debit";

impl Storage {
    /// Reckons a report. `progress` hears now and then how many accounts and entries are done.
    ///
    /// # Errors
    /// The database's.
    pub async fn billing_report(
        &self,
        terms: ReportTerms,
        mut progress: impl FnMut(i64, i64) + Send,
    ) -> Result<Report, Error> {
        let snapshot = self.db.begin_snapshot().await?;
        self.db.without_timeout(&snapshot).await?;
        let mut report = Report::new(terms);
        let mut after = i64::MIN;
        loop {
            let page = wallets(&snapshot, after).await?;
            let (Some(first), Some(last)) = (page.first(), page.last()) else { break };
            let range = first.account_id.0..=last.account_id.0;
            after = *range.end();
            let books = books(&snapshot, page, &range, report.terms.to).await?;
            reckon(&snapshot, books, &range, &mut report).await?;
            progress(report.accounts, report.entries);
        }
        report.check();
        Ok(report)
    }
}

/// The next wallets, by account.
async fn wallets(snapshot: &DatabaseTransaction, after: i64) -> Result<Vec<Wallet>, Error> {
    let query = wallet::Entity::find()
        .filter(wallet::Column::AccountId.gt(after))
        .order_by_asc(wallet::Column::AccountId)
        .limit(PAGE_LEN);
    query.all(snapshot).await?.into_iter().map(wallet_from).collect()
}

/// What must be known of those accounts before their entries are read, in their order.
async fn books(
    snapshot: &DatabaseTransaction,
    wallets: Vec<Wallet>,
    range: &RangeInclusive<i64>,
    to: Timestamp,
) -> Result<Vec<AccountBooks>, Error> {
    let (first, last) = (*range.start(), *range.end());
    let empty = |wallet: Wallet| AccountBooks {
        wallet,
        payments: Vec::new(),
        refunds: Vec::new(),
        cycles: Vec::new(),
        lots: Vec::new(),
    };
    let mut all: BTreeMap<i64, AccountBooks> =
        wallets.into_iter().map(|wallet| (wallet.account_id.0, empty(wallet))).collect();
    let has_moved = Condition::any()
        .add(payment::Column::PaidAtMs.is_not_null())
        .add(payment::Column::TradeInCycleId.is_not_null());
    let payments =
        payment::Entity::find().filter(payment::Column::AccountId.between(first, last)).filter(has_moved);
    for row in payments.all(snapshot).await? {
        if let Some(books) = all.get_mut(&row.account_id) {
            books.payments.push(rows::payment_from(row)?);
        }
    }
    for row in
        refund::Entity::find().filter(refund::Column::AccountId.between(first, last)).all(snapshot).await?
    {
        if let Some(books) = all.get_mut(&row.account_id) {
            books.refunds.push(rows::refund_from(row)?);
        }
    }
    for row in
        cycle::Entity::find().filter(cycle::Column::AccountId.between(first, last)).all(snapshot).await?
    {
        if let Some(books) = all.get_mut(&row.account_id) {
            books.cycles.push(CycleBooks {
                id: CycleId(row.id),
                allowance_tokens: row.allowance_tokens,
                ends_at: Timestamp::from_unix_ms(row.ends_at_ms),
                payment_id: row.payment_id,
            });
        }
    }
    let lots = ledger_entry::Entity::find()
        .filter(ledger_entry::Column::AccountId.between(first, last))
        .filter(ledger_entry::Column::Debit.eq(Leg::Issued.name()))
        .filter(ledger_entry::Column::Credit.eq(Leg::Permanent.name()))
        .filter(ledger_entry::Column::CreatedAtMs.lt(to.unix_ms()));
    for row in lots.all(snapshot).await? {
        if let Some(books) = all.get_mut(&row.account_id) {
            books.lots.push(rows::entry_from(row)?);
        }
    }
    Ok(all.into_values().collect())
}

/// Reads the entries of those accounts, in whose order they come.
async fn reckon(
    snapshot: &DatabaseTransaction,
    books: Vec<AccountBooks>,
    range: &RangeInclusive<i64>,
    report: &mut Report,
) -> Result<(), Error> {
    let backend = ConnectionTrait::get_database_backend(snapshot);
    let values = [(*range.start()).into(), (*range.end()).into()];
    let statement = Statement::from_sql_and_values(backend, ENTRIES, values);
    let mut entries = snapshot.stream_raw(statement).await?;
    let mut next = entries.try_next().await?.map(movement).transpose()?;
    for books in books {
        let account_id = books.wallet.account_id;
        let mut account = AccountReckoning::open(report, books);
        // What has no wallet is passed by; `ledger verify` names it.
        while let Some((entry, generation)) = next.take_if(|(entry, _)| entry.account_id <= account_id) {
            if entry.account_id == account_id {
                account.enter(report, &entry, generation.as_ref());
            }
            next = entries.try_next().await?.map(movement).transpose()?;
        }
        account.close(report);
    }
    Ok(())
}

fn movement(row: QueryResult) -> Result<(Entry, Option<ChargedGeneration>), Error> {
    let entry = rows::entry_from(ledger_entry::Model::from_query_result(&row, "")?)?;
    let model_slug: Option<String> = row.try_get("", "model_slug")?;
    let (cycle_id, cost_micro_usd) =
        (row.try_get("", "cycle_id")?, row.try_get("", "vendor_cost_micro_usd")?);
    let generation = model_slug.map(|model_slug| ChargedGeneration { model_slug, cycle_id, cost_micro_usd });
    Ok((entry, generation))
}
