//! Lists dead letters, and puts them back.

use serde::Serialize;
use sqlx::{Row, any::AnyRow};

use super::{open::Store, row};
use crate::{event::Reason, time};

/// An event that failed for good.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct DeadLetter {
    pub(crate) event: i64,
    pub(crate) kind: String,
    pub(crate) order: i64,
    pub(crate) reason: String,
    pub(crate) error: Option<String>,
    pub(crate) attempts: u32,
    pub(crate) round: u32,
}

/// Whether a dead letter was put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PutBack {
    /// It is in the outbox again.
    Done,
    /// The event is not a dead letter, or its order was cancelled.
    Refused,
}

impl Store {
    /// Returns up to `most` dead letters with ids above `after`, in their order.
    pub(crate) async fn dead_letters(
        &self,
        after: i64,
        most: u32,
        reason: Option<Reason>,
    ) -> Result<Vec<DeadLetter>, sqlx::Error> {
        let list = "SELECT id, kind, order_id, reason, error, attempts, round FROM outbox \
            WHERE state = 'failed' AND id > $1 AND ($2 = '' OR reason = $2) ORDER BY id LIMIT $3";
        let rows = sqlx::query(list)
            .bind(after)
            .bind(reason.map_or("", Reason::code))
            .bind(i64::from(most))
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Puts a dead letter back, and begins a new round. The deadline of the first round
    /// does not count any longer.
    pub(crate) async fn put_back(&self, event: i64) -> Result<PutBack, sqlx::Error> {
        let back = "UPDATE outbox SET state = 'received', reason = NULL, attempts = 0, \
            round = round + 1, due = $2, deadline = NULL, expires = NULL \
            WHERE id = $1 AND state = 'failed' AND reason <> 'cancelled' \
            AND NOT EXISTS (SELECT 1 FROM orders WHERE orders.id = $1 AND cancel IS NOT NULL)";
        let back = sqlx::query(back).bind(event).bind(time::now());
        let done = back.execute(&self.write).await?.rows_affected();
        Ok(match done {
            0 => PutBack::Refused,
            _ => PutBack::Done,
        })
    }
}

fn read(row: &AnyRow) -> Result<DeadLetter, sqlx::Error> {
    let event = row.try_get("id")?;
    let order: Option<i64> = row.try_get("order_id")?;
    Ok(DeadLetter {
        event,
        kind: row.try_get("kind")?,
        order: order.unwrap_or(event),
        reason: row.try_get("reason")?,
        error: row.try_get("error")?,
        attempts: row::number(row, "attempts")?,
        round: row::number(row, "round")?,
    })
}
