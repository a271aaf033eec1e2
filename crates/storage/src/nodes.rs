//! Processes and their heartbeats.

use crate::{Error, Storage, entity::node};
use domain::id::NodeId;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, QueryFilter, sea_query::Expr};

const ALIVE: &str = "alive";

/// A process that counts as alive, and how often it has said so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeBeat {
    /// Which.
    pub id: NodeId,
    /// Its count of heartbeats.
    pub beat: i64,
}

impl Storage {
    /// Enters this process.
    ///
    /// # Errors
    /// The database's.
    pub async fn register_node(&self, id: NodeId) -> Result<(), Error> {
        let now_ms = self.clock.now().unix_ms();
        let row = node::ActiveModel {
            id: Set(id.0),
            beat: Set(0),
            status: Set(ALIVE.to_owned()),
            started_at_ms: Set(now_ms),
            last_beat_at_ms: Set(now_ms),
        };
        node::Entity::insert(row).exec_without_returning(self.db.writer()).await?;
        Ok(())
    }

    /// Says that this process is alive. `false` when others have declared it dead: its holds are no longer its own.
    ///
    /// # Errors
    /// The database's.
    pub async fn beat(&self, id: NodeId) -> Result<bool, Error> {
        let written = node::Entity::update_many()
            .col_expr(node::Column::Beat, Expr::col(node::Column::Beat).add(1))
            .col_expr(node::Column::LastBeatAtMs, Expr::value(self.clock.now().unix_ms()))
            .filter(node::Column::Id.eq(id.0))
            .filter(node::Column::Status.eq(ALIVE))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// The processes that count as alive.
    ///
    /// # Errors
    /// The database's.
    pub async fn living_nodes(&self) -> Result<Vec<NodeBeat>, Error> {
        let rows = node::Entity::find().filter(node::Column::Status.eq(ALIVE)).all(self.db.reader()).await?;
        Ok(rows.into_iter().map(|row| NodeBeat { id: NodeId(row.id), beat: row.beat }).collect())
    }

    /// Declares a process dead, unless it has had a heartbeat since `seen`.
    ///
    /// # Errors
    /// The database's.
    pub async fn declare_dead(&self, seen: NodeBeat) -> Result<bool, Error> {
        let written = node::Entity::update_many()
            .col_expr(node::Column::Status, Expr::value("dead"))
            .filter(node::Column::Id.eq(seen.id.0))
            .filter(node::Column::Beat.eq(seen.beat))
            .filter(node::Column::Status.eq(ALIVE))
            .exec(self.db.writer())
            .await?;
        Ok(written.rows_affected == 1)
    }

    /// Says that this process ends. What it still holds may be released at once.
    ///
    /// # Errors
    /// The database's.
    pub async fn end_node(&self, id: NodeId) -> Result<(), Error> {
        node::Entity::update_many()
            .col_expr(node::Column::Status, Expr::value("ended"))
            .filter(node::Column::Id.eq(id.0))
            .filter(node::Column::Status.eq(ALIVE))
            .exec(self.db.writer())
            .await?;
        Ok(())
    }
}
