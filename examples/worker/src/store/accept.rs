//! Accepts orders.

use sqlx::{Any, Transaction};

use super::{
    open::Store,
    outbox::{Accepted, NewEvent, Request, insert},
};
use crate::event::{Content, Kind};

/// An order that a client wants to place.
#[derive(Clone, Debug)]
pub(crate) struct NewOrder {
    pub(crate) request: Request,
    pub(crate) content: Content,
    /// The id of its deadline in the registry, and when it passes by the clock of
    /// the rows.
    pub(crate) deadline: Option<(String, i64)>,
}

impl Store {
    /// Writes these orders and their events in one transaction, and returns what
    /// became of each.
    pub(crate) async fn accept(&self, orders: &[NewOrder]) -> Result<Vec<Accepted>, sqlx::Error> {
        let mut transaction = self.write.begin_with(self.dialect.begin()).await?;
        let mut accepted = Vec::with_capacity(orders.len());
        for order in orders {
            accepted.push(place(&mut transaction, order).await?);
        }
        transaction.commit().await?;
        Ok(accepted)
    }
}

async fn place(
    transaction: &mut Transaction<'_, Any>,
    order: &NewOrder,
) -> Result<Accepted, sqlx::Error> {
    let event = NewEvent {
        request: &order.request,
        kind: Kind::Order,
        order: None,
        content: &order.content,
        deadline: order.deadline.as_ref(),
    };
    let accepted = insert(transaction, &event).await?;
    if let Accepted::New(id) = accepted {
        // An order has the id of its event.
        let row = "INSERT INTO orders (id, item, cents) VALUES ($1, $2, $3)";
        let row = sqlx::query(row).bind(id).bind(&order.content.item);
        let row = row.bind(i64::from(order.content.cents));
        row.execute(&mut **transaction).await?;
    }
    Ok(accepted)
}
