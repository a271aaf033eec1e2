//! Connections that are not waited for without end. PostgreSQL gives a statement up by itself, and says so; a network that
//! went silent says nothing, and the system takes a quarter of an hour to notice, if it ever does.

use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, QueryResult,
    RuntimeErr, Statement, TransactionOptions, TransactionTrait,
};
use std::{future::Future, time::Duration};

/// A transaction that writes.
pub(crate) type Transaction = Timed<DatabaseTransaction>;

/// What is given up when it does not answer in time. A connection that was given up is closed when it comes back to its
/// pool.
#[derive(Clone, Debug)]
pub(crate) struct Timed<C> {
    inner: C,
    /// For each statement; `None` on SQLite, which answers by itself.
    limit: Option<Duration>,
}

impl<C> Timed<C> {
    pub(crate) const fn new(inner: C, limit: Option<Duration>) -> Self {
        Self { inner, limit }
    }

    /// The same, to be waited for as long as it takes.
    pub(crate) const fn patient(&self) -> &C {
        &self.inner
    }
}

impl Timed<DatabaseConnection> {
    pub(crate) async fn begin(&self, options: TransactionOptions) -> Result<Transaction, DbErr> {
        let transaction = in_time(self.limit, self.inner.begin_with_options(options)).await?;
        Ok(Timed::new(transaction, self.limit))
    }
}

impl Timed<DatabaseTransaction> {
    pub(crate) async fn commit(self) -> Result<(), DbErr> {
        in_time(self.limit, self.inner.commit()).await
    }
}

#[async_trait::async_trait]
impl<C: ConnectionTrait> ConnectionTrait for Timed<C> {
    fn get_database_backend(&self) -> DbBackend {
        self.inner.get_database_backend()
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        in_time(self.limit, self.inner.execute_raw(statement)).await
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        in_time(self.limit, self.inner.execute_unprepared(sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        in_time(self.limit, self.inner.query_one_raw(statement)).await
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        in_time(self.limit, self.inner.query_all_raw(statement)).await
    }

    fn support_returning(&self) -> bool {
        self.inner.support_returning()
    }
}

/// What takes longer counts as a database that is away.
pub(super) async fn in_time<T>(
    limit: Option<Duration>,
    asking: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, DbErr> {
    let Some(limit) = limit else { return asking.await };
    let silent = || DbErr::Conn(RuntimeErr::Internal("the database has not answered in time".to_owned()));
    tokio::time::timeout(limit, asking).await.unwrap_or_else(|_| Err(silent()))
}
