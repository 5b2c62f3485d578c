//! Completes events.

use sqlx::{Any, Transaction};

use super::{open::Store, take::Event};
use crate::event::{Kind, Step};

/// An event whose work is done, and is to be booked.
#[derive(Clone, Debug)]
pub(crate) struct Booking {
    pub(crate) event: Event,
    /// The receipt of the payment provider.
    pub(crate) receipt: String,
}

impl Store {
    /// Completes these events, and books their amounts, in one transaction.
    /// Returns for each whether this process still held it; nothing is booked for
    /// others.
    pub(crate) async fn settle(&self, bookings: &[Booking]) -> Result<Vec<bool>, sqlx::Error> {
        let mut transaction = self.write.begin_with(self.dialect.begin()).await?;
        let mut settled = Vec::with_capacity(bookings.len());
        let mut sum = 0;
        for booking in bookings {
            let is_held = complete(&mut transaction, &booking.event).await?;
            if is_held {
                sum += book(&mut transaction, booking).await?;
            }
            settled.push(is_held);
        }
        // Last, because other processes wait for this row until the commit.
        let account = "UPDATE account SET cents = cents + $1 WHERE one = 1";
        let account = sqlx::query(account).bind(sum);
        account.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(settled)
    }
}

/// Marks an event as completed, if this process still holds it.
async fn complete(
    transaction: &mut Transaction<'_, Any>,
    event: &Event,
) -> Result<bool, sqlx::Error> {
    let hold = event.progress.takes;
    if event.progress.step(Step::Complete { hold }).is_err() {
        return Ok(false);
    }
    let complete = "UPDATE outbox SET state = 'completed' \
        WHERE id = $1 AND takes = $2 AND state = 'processing'";
    let complete = sqlx::query(complete).bind(event.id);
    let complete = complete.bind(i64::from(hold));
    let done = complete.execute(&mut **transaction).await?;
    Ok(done.rows_affected() == 1)
}

/// Writes the entry of an event, and returns its amount.
async fn book(
    transaction: &mut Transaction<'_, Any>,
    booking: &Booking,
) -> Result<i64, sqlx::Error> {
    let cents = match booking.event.kind {
        Kind::Order => i64::from(booking.event.content.cents),
        Kind::Cancel => -booked(transaction, booking.event.order).await?,
    };
    let entry = "INSERT INTO entries (event_id, order_id, cents, receipt) VALUES ($1, $2, $3, $4)";
    let entry = sqlx::query(entry).bind(booking.event.id);
    let entry = entry.bind(booking.event.order).bind(cents);
    let entry = entry.bind(&booking.receipt);
    entry.execute(&mut **transaction).await?;
    Ok(cents)
}

/// Returns what is booked for an order: nothing, if it never came to that.
async fn booked(transaction: &mut Transaction<'_, Any>, order: i64) -> Result<i64, sqlx::Error> {
    let sum = "SELECT CAST(COALESCE(SUM(cents), 0) AS BIGINT) FROM entries WHERE order_id = $1";
    let sum = sqlx::query_scalar(sum).bind(order);
    sum.fetch_one(&mut **transaction).await
}
