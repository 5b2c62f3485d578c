//! Duplicates that wait for the first one.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{timeout, timeout_at},
};

use super::{scope::Name, store::Store};
use crate::deadline::{self, Deadline};

/// Tokio's timer knows nothing finer.
const FINEST: Duration = Duration::from_millis(1);

/// That duplicates wait for the first one to end, and how long and how many.
///
/// Nobody waits beyond the [current](crate::deadline::current) deadline. Clones
/// share the seats.
#[derive(Clone, Debug)]
pub struct Waiting {
    longest: Duration,
    seats: Arc<Semaphore>,
}

impl Waiting {
    /// Each waits up to this long, and up to 1,000 wait at once.
    pub fn up_to(longest: Duration) -> Self {
        Self {
            longest,
            ..Self::default()
        }
    }

    /// How many may wait at once: others are refused as if nobody waited.
    pub fn max_waiters(self, seats: usize) -> Self {
        let seats = Arc::new(Semaphore::new(seats.min(Semaphore::MAX_PERMITS)));
        Self { seats, ..self }
    }

    /// Takes a seat, if there is one.
    pub(super) fn begin(&self) -> Option<Wait> {
        let seat = Arc::clone(&self.seats).try_acquire_owned().ok()?;
        let longest = Deadline::after(self.longest);
        let until = deadline::current().map_or(longest, |current| current.min(longest));
        Some(Wait { until, _seat: seat })
    }
}

impl Default for Waiting {
    /// Up to a minute.
    fn default() -> Self {
        Self {
            longest: Duration::from_secs(60),
            seats: Arc::new(Semaphore::new(1_000)),
        }
    }
}

/// One who waits.
#[derive(Debug)]
pub(super) struct Wait {
    until: Deadline,
    _seat: OwnedSemaphorePermit,
}

impl Wait {
    /// Whether it is time to claim again, and not to give up.
    pub(super) async fn settled(&self, store: &impl Store, name: Name, left: Duration) -> bool {
        let lapsed = left.max(FINEST);
        let either = timeout(lapsed, store.settled(name));
        timeout_at(self.until.instant(), either).await.is_ok()
    }
}
