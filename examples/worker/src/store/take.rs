//! Takes events that are due.

use std::time::Duration;

use sqlx::{Row, any::AnyRow};

use super::{
    open::{Dialect, Store},
    row,
};
use crate::{
    event::{Content, Kind, Progress},
    time,
};

/// An event that this process holds.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) kind: Kind,
    /// The order that it is about.
    pub(crate) order: i64,
    pub(crate) content: Content,
    pub(crate) progress: Progress,
    /// The id of its deadline in the registry, and when it passes by the clock of
    /// the rows.
    pub(crate) deadline: Option<(String, i64)>,
}

/// Takes up to `$3` events. A cancellation waits for its order's own event.
macro_rules! take {
    ($lock:literal) => {
        concat!(
            "UPDATE outbox SET state = 'processing', takes = takes + 1, \
            attempts = attempts + 1, due = $2, owner = $4 WHERE id IN ( \
            SELECT id FROM outbox AS next WHERE state IN ('received', 'processing', 'failed_retry') \
            AND due <= $1 AND NOT EXISTS (SELECT 1 FROM outbox AS first \
            WHERE first.id = next.order_id \
            AND first.state IN ('received', 'processing', 'failed_retry')) \
            ORDER BY due, id LIMIT $3",
            $lock,
            ") RETURNING id, kind, order_id, content, state, reason, attempts, takes, round, due, \
            deadline, expires"
        )
    };
}

impl Dialect {
    /// Processes that share a database of PostgreSQL take different events.
    fn take(self) -> &'static str {
        match self {
            Self::Sqlite => take!(""),
            Self::Postgres => take!(" FOR UPDATE OF next SKIP LOCKED"),
        }
    }
}

impl Store {
    /// Takes up to `most` events that are due, and holds them this long.
    pub(crate) async fn take(
        &self,
        most: usize,
        hold: Duration,
    ) -> Result<Vec<Event>, sqlx::Error> {
        let rows = sqlx::query(self.dialect.take())
            .bind(time::now())
            .bind(time::after(hold))
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .bind(&self.owner)
            .fetch_all(&self.write)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Holds all events of this process for longer.
    pub(crate) async fn hold(&self, hold: Duration) -> Result<(), sqlx::Error> {
        let hold_on = "UPDATE outbox SET due = $1 WHERE owner = $2 AND state = 'processing'";
        let hold_on = sqlx::query(hold_on).bind(time::after(hold));
        hold_on.bind(&self.owner).execute(&self.write).await?;
        Ok(())
    }

    /// Returns when the next event is due; `None` if none is pending.
    pub(crate) async fn next_due(&self) -> Result<Option<i64>, sqlx::Error> {
        let next = "SELECT MIN(due) AS due FROM outbox \
            WHERE state IN ('received', 'processing', 'failed_retry')";
        sqlx::query(next)
            .fetch_one(&self.read)
            .await?
            .try_get("due")
    }
}

fn read(row: &AnyRow) -> Result<Event, sqlx::Error> {
    let id = row.try_get("id")?;
    let order: Option<i64> = row.try_get("order_id")?;
    let deadline: Option<String> = row.try_get("deadline")?;
    let expires: Option<i64> = row.try_get("expires")?;
    Ok(Event {
        id,
        kind: row::kind(row)?,
        order: order.unwrap_or(id),
        content: row::content(row)?,
        progress: row::progress(row)?,
        deadline: deadline.zip(expires),
    })
}
