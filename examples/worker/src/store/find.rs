//! Finds an order.

use serde::Serialize;
use sqlx::Row;

use super::{open::Store, row};

/// An order, and how far its event has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    pub(crate) order: i64,
    pub(crate) item: String,
    pub(crate) cents: u32,
    pub(crate) state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    pub(crate) attempts: u32,
    /// The id of the event that cancels it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cancelled_by: Option<i64>,
}

impl Store {
    /// Returns the order with this id.
    pub(crate) async fn find(&self, order: i64) -> Result<Option<Found>, sqlx::Error> {
        let find = "SELECT orders.id AS order_id, item, cents, cancel, state, reason, error, \
            attempts, takes, round, due FROM orders JOIN outbox ON outbox.id = orders.id \
            WHERE orders.id = $1";
        let find = sqlx::query(find).bind(order);
        let Some(found) = find.fetch_optional(&self.read).await? else {
            return Ok(None);
        };
        let progress = row::progress(&found)?;
        Ok(Some(Found {
            order: found.try_get("order_id")?,
            item: found.try_get("item")?,
            cents: row::number(&found, "cents")?,
            state: progress.state.code(),
            reason: progress.state.reason().map(crate::event::Reason::code),
            error: found.try_get("error")?,
            attempts: progress.attempts,
            cancelled_by: found.try_get("cancel")?,
        }))
    }

    /// Returns the id of an order's deadline in the registry.
    pub(crate) async fn deadline_of(&self, order: i64) -> Result<Option<String>, sqlx::Error> {
        let find = sqlx::query("SELECT deadline FROM outbox WHERE id = $1").bind(order);
        let row = find.fetch_optional(&self.read).await?;
        row.map_or(Ok(None), |row| row.try_get("deadline"))
    }
}
