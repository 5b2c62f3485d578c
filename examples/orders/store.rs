//! The orders, in memory.

use std::{
    collections::VecDeque,
    num::NonZeroU32,
    sync::{Arc, Mutex, MutexGuard},
};

use serde::{Deserialize, Serialize};

/// How many orders are kept; the oldest go first. Together with the bound on
/// bodies it bounds what clients can make this process remember.
const CAPACITY: usize = 10_000;

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

#[derive(Clone, Debug, Default)]
pub(crate) struct Orders(Arc<Mutex<Latest>>);

/// Ids count from 1, so an order's place follows from how many have gone.
#[derive(Debug, Default)]
struct Latest {
    gone: u64,
    orders: VecDeque<Order>,
}

impl Orders {
    pub(crate) fn add(&self, NewOrder { item, quantity }: NewOrder) -> Order {
        let mut latest = self.lock();
        if latest.orders.len() == CAPACITY {
            latest.orders.pop_front();
            latest.gone += 1;
        }
        let id = latest.gone + latest.orders.len() as u64 + 1;
        let order = Order { id, item, quantity };
        latest.orders.push_back(order.clone());
        order
    }

    pub(crate) fn find(&self, id: u64) -> Option<Order> {
        let latest = self.lock();
        let place = id.checked_sub(latest.gone + 1)?;
        latest.orders.get(usize::try_from(place).ok()?).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().expect("nobody panics while holding the lock")
    }
}
