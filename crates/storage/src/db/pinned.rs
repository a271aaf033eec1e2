//! A connection to PostgreSQL that one task keeps to itself. A pool asks a connection each time whether it is still there, which
//! takes as long as what it is there for.

use super::{POSTGRES_PING_LIMIT, timed::in_time};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Value, Values,
    sqlx::{
        self, Arguments, AssertSqlSafe, Connection, PgConnection,
        postgres::{PgArguments, PgConnectOptions},
    },
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Mutex;

/// The connection. What was given up on it leaves it in the middle of an answer: it must be dropped then.
pub(crate) struct Pinned {
    connection: Mutex<PgConnection>,
    /// For each statement.
    limit: Duration,
}

impl Pinned {
    pub(super) async fn connect(options: &PgConnectOptions, limit: Duration) -> Result<Self, DbErr> {
        let connection = PgConnection::connect_with(options).await;
        let connection = connection.map_err(|error| DbErr::Conn(sqlx_error(error)))?;
        Ok(Self { connection: Mutex::new(connection), limit })
    }

    /// Whether it is still there.
    pub(crate) async fn answers(&self) -> bool {
        let mut connection = self.connection.lock().await;
        tokio::time::timeout(POSTGRES_PING_LIMIT, connection.ping()).await.is_ok_and(|answer| answer.is_ok())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for Pinned {
    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Postgres
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        let arguments = arguments(statement.values)?;
        let mut connection = self.connection.lock().await;
        let asking = sqlx::query_with(AssertSqlSafe(statement.sql), arguments).execute(&mut *connection);
        let answer = async { asking.await.map_err(|error| DbErr::Exec(sqlx_error(error))) };
        in_time(Some(self.limit), answer).await.map(ExecResult::from)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        let mut connection = self.connection.lock().await;
        let asking = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut *connection);
        let answer = async { asking.await.map_err(|error| DbErr::Exec(sqlx_error(error))) };
        in_time(Some(self.limit), answer).await.map(ExecResult::from)
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        Ok(self.query_all_raw(statement).await?.into_iter().next())
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        let arguments = arguments(statement.values)?;
        let mut connection = self.connection.lock().await;
        let asking = sqlx::query_with(AssertSqlSafe(statement.sql), arguments).fetch_all(&mut *connection);
        let answer = async { asking.await.map_err(|error| DbErr::Query(sqlx_error(error))) };
        let rows = in_time(Some(self.limit), answer).await?;
        Ok(rows.into_iter().map(QueryResult::from).collect())
    }
}

fn sqlx_error(error: sqlx::Error) -> RuntimeErr {
    RuntimeErr::SqlxError(Arc::new(error))
}

/// What this crate's own statements are asked with: numbers and texts.
fn arguments(values: Option<Values>) -> Result<PgArguments, DbErr> {
    let mut arguments = PgArguments::default();
    for value in values.into_iter().flat_map(|values| values.0) {
        let added = match value {
            Value::BigInt(number) => arguments.add(number),
            Value::String(text) => arguments.add(text),
            other => return Err(DbErr::Type(format!("{other:?} is neither a number nor a text"))),
        };
        added.map_err(|error| DbErr::Query(RuntimeErr::Internal(error.to_string())))?;
    }
    Ok(arguments)
}
