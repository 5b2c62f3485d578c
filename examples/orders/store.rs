//! The orders, in memory.

use std::{
    collections::VecDeque,
    io,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};

use crate::journal::Journal;

/// How many orders are kept; the oldest are dropped first. With the bound on bodies
/// it bounds the memory that clients can make this process use.
const MAX_ORDERS: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewOrder {
    pub(crate) item: String,
    pub(crate) quantity: NonZeroU32,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Order {
    pub(crate) id: u64,
    item: String,
    quantity: NonZeroU32,
}

#[derive(Clone, Debug)]
pub(crate) struct Orders(Arc<Mutex<Latest>>);

/// Ids have no gaps, so the index of an order follows from the id of the first.
#[derive(Debug)]
struct Latest {
    first_id: u64,
    orders: VecDeque<Order>,
    journal: Journal,
}

impl Orders {
    pub(crate) fn new(first_id: u64, journal: Journal) -> Self {
        let latest = Latest {
            first_id,
            orders: VecDeque::new(),
            journal,
        };
        Self(Arc::new(Mutex::new(latest)))
    }

    /// Places an order. An order that cannot be written to the journal is not placed.
    pub(crate) fn add(&self, NewOrder { item, quantity }: NewOrder) -> io::Result<Order> {
        let mut latest = self.lock();
        if latest.orders.len() == MAX_ORDERS {
            latest.orders.pop_front();
            latest.first_id += 1;
        }
        let id = latest.first_id + latest.orders.len() as u64;
        let order = Order { id, item, quantity };
        latest.journal.write(&order)?;
        latest.orders.push_back(order.clone());
        Ok(order)
    }

    pub(crate) fn find(&self, id: u64) -> Option<Order> {
        let latest = self.lock();
        let index = id.checked_sub(latest.first_id)?;
        latest.orders.get(usize::try_from(index).ok()?).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0
            .lock()
            .expect("no code panics while it holds the lock")
    }
}
