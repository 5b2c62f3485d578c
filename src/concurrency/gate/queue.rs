//! The settings of a queue.

use std::time::Duration;

use crate::error::{InvalidSetting, valid};

/// The longest wait that can be set: an hour.
const MAX_WAIT: Duration = Duration::from_secs(3_600);

/// Where requests wait for a permit: how many at most, and for how long.
///
/// Without a queue a request is refused as soon as all permits are in flight. A
/// short queue takes up bursts. A long one only makes requests late, so both
/// its length and the wait have a bound.
///
/// # Order
///
/// More important [levels](crate::criticality::Criticality) are served first.
/// Within a level, the requests are served in the order in which they came. Once
/// the oldest request of a level has waited longer than a target, the newest is
/// served first, because the callers of the old ones have probably given up
/// ("adaptive LIFO" in Maurer, "Fail at Scale", ACM Queue 2015).
///
/// A full queue makes place for a request of higher rank: the lowest rank in the
/// queue, and of that the last that came, is refused. `Sheddable` requests never
/// wait.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::concurrency::{Local, Queue};
///
/// let queue = Queue::new(50).max_wait(Duration::from_millis(100));
/// let permits = Local::builder(100).queue(queue).build();
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Queue {
    /// How many may wait.
    pub(super) len: usize,
    pub(super) max_wait: Duration,
    /// The wait of the oldest request beyond which the newest is served first.
    pub(super) newest_first_after: Duration,
}

impl Queue {
    /// Lets this many requests wait for at most 500 ms each, and serves the
    /// newest first once the oldest has waited for 100 ms.
    pub const fn new(len: usize) -> Self {
        Self {
            len,
            max_wait: Duration::from_millis(500),
            newest_first_after: Duration::from_millis(100),
        }
    }

    /// No queue: a request that finds no permit is refused.
    pub const fn none() -> Self {
        Self::new(0)
    }

    /// Sets how long a request waits at most: 500 ms unless it is set.
    ///
    /// # Panics
    ///
    /// If it is zero or above an hour.
    #[must_use]
    #[track_caller]
    pub fn max_wait(self, max_wait: Duration) -> Self {
        let is_valid = !max_wait.is_zero() && max_wait <= MAX_WAIT;
        let max_wait = valid(match is_valid {
            true => Ok(max_wait),
            false => Err(InvalidSetting::new(
                "max_wait",
                format_args!("{max_wait:?}"),
                "above 0 and at most 1 h",
            )),
        });
        Self { max_wait, ..self }
    }

    /// Sets the wait of the oldest request of a level beyond which the newest is
    /// served first: 100 ms unless it is set. `Duration::MAX` keeps the order in
    /// which requests came.
    #[must_use]
    pub const fn newest_first_after(self, target: Duration) -> Self {
        Self {
            newest_first_after: target,
            ..self
        }
    }
}

/// No queue.
impl Default for Queue {
    fn default() -> Self {
        Self::none()
    }
}
