//! Accepts cancellations.

use sqlx::{Any, Row, Transaction};

use super::{
    open::Store,
    outbox::{Accepted, NewEvent, Request, insert},
    row,
};
use crate::event::{Content, Kind};

/// A cancellation that a client wants.
#[derive(Clone, Debug)]
pub(crate) struct NewCancel {
    pub(crate) request: Request,
    pub(crate) order: i64,
}

/// Why an order is not cancelled.
#[derive(Debug)]
pub(crate) enum NotCancelled {
    /// There is no such order.
    NoOrder,
    /// It was cancelled under another key.
    Already,
    Sql(sqlx::Error),
}

impl From<sqlx::Error> for NotCancelled {
    fn from(error: sqlx::Error) -> Self {
        Self::Sql(error)
    }
}

impl Store {
    /// Writes the event of a cancellation. An order that no worker holds is a dead
    /// letter from the same transaction on. Returns also whether it became one.
    pub(crate) async fn cancel(
        &self,
        cancel: &NewCancel,
    ) -> Result<(Accepted, bool), NotCancelled> {
        let mut transaction = self.write.begin_with(self.dialect.begin()).await?;
        let content = content_of(&mut transaction, cancel.order).await?;
        let event = NewEvent {
            request: &cancel.request,
            kind: Kind::Cancel,
            order: Some(cancel.order),
            content: &content.ok_or(NotCancelled::NoOrder)?,
            deadline: None,
        };
        let accepted = insert(&mut transaction, &event).await?;
        let Accepted::New(id) = accepted else {
            return Ok((accepted, false));
        };
        let was_buried = mark(&mut transaction, cancel.order, id).await?;
        transaction.commit().await?;
        Ok((accepted, was_buried))
    }
}

async fn content_of(
    transaction: &mut Transaction<'_, Any>,
    order: i64,
) -> Result<Option<Content>, sqlx::Error> {
    let row = sqlx::query("SELECT item, cents FROM orders WHERE id = $1");
    let row = row.bind(order).fetch_optional(&mut **transaction).await?;
    let content = row.map(|row| {
        Ok(Content {
            item: row.try_get("item")?,
            cents: row::number(&row, "cents")?,
        })
    });
    content.transpose()
}

/// Notes which event cancels an order, at most once, and buries the order's own
/// event if no worker holds it. Returns whether it did.
async fn mark(
    transaction: &mut Transaction<'_, Any>,
    order: i64,
    cancel: i64,
) -> Result<bool, NotCancelled> {
    let mark = "UPDATE orders SET cancel = $1 WHERE id = $2 AND cancel IS NULL";
    let mark = sqlx::query(mark).bind(cancel).bind(order);
    if mark.execute(&mut **transaction).await?.rows_affected() == 0 {
        return Err(NotCancelled::Already);
    }
    let bury = "UPDATE outbox SET state = 'failed', reason = 'cancelled' \
        WHERE id = $1 AND state IN ('received', 'failed_retry')";
    let bury = sqlx::query(bury).bind(order);
    let buried = bury.execute(&mut **transaction).await?;
    Ok(buried.rows_affected() == 1)
}
