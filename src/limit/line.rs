//! Those who wait: a line for each bucket, first come, first served.
//!
//! A place in the line is a booking in the bucket's own state, with an instant
//! at which it falls due. When someone leaves the line, those behind move up,
//! each to the instant of the one before, and what the last of them had booked
//! goes back into the bucket: then nothing can pass sooner than the rule
//! allows. Where someone behind needs more than the place that became free has
//! to give, it lapses instead.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::Arc,
};

use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

use super::rules::quota::Cost;
use crate::sync::{Mutex, lock};

/// The lines of one limiter, by the hash of the key. Empty lines are not kept.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: HashMap<u64, VecDeque<Arc<Place>>>,
}

/// One booking.
pub(super) struct Place {
    cost: Cost,
    due: Mutex<Instant>,
    moved: Notify,
}

impl Lines {
    pub(super) fn len(&self, key: u64) -> usize {
        self.lines.get(&key).map_or(0, VecDeque::len)
    }

    pub(super) fn join(&mut self, key: u64, cost: Cost, due: Instant) -> Arc<Place> {
        let place = Arc::new(Place {
            cost,
            due: Mutex::new(due),
            moved: Notify::new(),
        });
        self.lines.entry(key).or_default().push_back(place.clone());
        place
    }

    /// Forgets the line. Those in it still pass when they are due.
    pub(super) fn dissolve(&mut self, key: u64) {
        self.lines.remove(&key);
    }

    /// Leaves the line, and answers the cost that goes back into the bucket:
    /// 0 if the place has come due, for then it is used, or if it lapses.
    pub(super) fn leave(&mut self, key: u64, place: &Arc<Place>) -> Cost {
        let Some(line) = self.lines.get_mut(&key) else {
            return 0;
        };
        let Some(position) = line.iter().position(|other| Arc::ptr_eq(other, place)) else {
            return 0;
        };
        line.remove(position);
        let due = place.due();
        let free = if due > Instant::now() {
            move_up(line.range(position..), due, place.cost)
        } else {
            0
        };
        if line.is_empty() {
            self.lines.remove(&key);
        }
        free
    }
}

/// Each of those behind takes the place before it.
fn move_up<'a>(behind: impl Iterator<Item = &'a Arc<Place>>, due: Instant, cost: Cost) -> Cost {
    let (mut due, mut cost) = (due, cost);
    for place in behind {
        if place.cost > cost {
            return 0;
        }
        // After a credit from outside, whoever came later may be due sooner.
        if place.due() <= due {
            continue;
        }
        due = place.move_to(due);
        cost = place.cost;
    }
    cost
}

impl Place {
    /// Sleeps until this place is due, however often it is moved.
    pub(super) async fn come_due(&self) {
        // A timeout means that the place was not moved until it was due.
        while timeout_at(self.due(), self.moved.notified()).await.is_ok() {}
    }

    fn due(&self) -> Instant {
        *lock(&self.due)
    }

    fn move_to(&self, due: Instant) -> Instant {
        let mut own = lock(&self.due);
        self.moved.notify_one();
        std::mem::replace(&mut own, due)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("cost", &self.cost)
            .field("due", &self.due())
            .finish()
    }
}
