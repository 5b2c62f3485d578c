//! Duplicates that wait for the first request to end. The layer and
//! [`Runner`](super::Runner) both use it.
//!
//! A waiting duplicate is woken by the store, or when the lease of the first
//! request must have lapsed; then it claims again.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{timeout, timeout_at},
};

use super::{claimant::Claimant, observe::Event, scope::Name, store::Store};
use crate::deadline::{self, Deadline};

/// The resolution of tokio's timer: a shorter pause would spin.
const MIN_PAUSE: Duration = Duration::from_millis(1);

/// Lets duplicates wait for the first one to end, and bounds how long and how
/// many.
///
/// A duplicate never waits beyond the [current](crate::deadline::current)
/// deadline. Clones share the number of waiters.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::idempotency::{Local, Runner, Waiting};
///
/// let waiting = Waiting::up_to(Duration::from_secs(5)).max_waiters(200);
/// let runner = Runner::new(Local::new()).wait(waiting);
/// # let _ = runner;
/// ```
#[derive(Clone, Debug)]
pub struct Waiting {
    /// How long each duplicate waits.
    at_most: Duration,
    /// One permit for each that may wait.
    places: Arc<Semaphore>,
}

impl Waiting {
    /// Lets each duplicate wait up to this long, and up to 1,000 at once.
    pub fn up_to(at_most: Duration) -> Self {
        Self {
            at_most,
            places: Arc::new(Semaphore::new(1_000)),
        }
    }

    /// Sets how many may wait at once: 1,000 unless set. Others are refused at
    /// once, as without waiting.
    pub fn max_waiters(self, max: usize) -> Self {
        let places = Arc::new(Semaphore::new(max.min(Semaphore::MAX_PERMITS)));
        Self { places, ..self }
    }

    /// Starts to wait, unless too many do.
    fn begin(&self) -> Option<WaitPermit> {
        let place = Arc::clone(&self.places).try_acquire_owned().ok()?;
        let end = Deadline::after(self.at_most);
        let until = deadline::current().map_or(end, |current| current.min(end));
        Some(WaitPermit {
            until,
            _place: place,
        })
    }
}

/// The right of one duplicate to wait until a deadline.
struct WaitPermit {
    /// When it gives up.
    until: Deadline,
    /// Given back when it is dropped.
    _place: OwnedSemaphorePermit,
}

/// A caller that claims work, again and again while another one runs it.
pub(super) struct Caller<'a, S> {
    claimant: &'a Claimant<S>,
    /// How it waits; `None` if it does not.
    waiting: Option<&'a Waiting>,
    /// Held from the first wait to the end.
    permit: Option<WaitPermit>,
}

impl<'a, S: Store> Caller<'a, S> {
    pub(super) fn new(claimant: &'a Claimant<S>, waiting: Option<&'a Waiting>) -> Self {
        Self {
            claimant,
            waiting,
            permit: None,
        }
    }

    /// Waits until the store knows the end of the work, or its lease has lapsed
    /// after `left`. Returns whether to claim again; if not, it may not wait or
    /// its time is up, and it is refused.
    pub(super) async fn settled(&mut self, name: Name, left: Duration) -> bool {
        if self.permit.is_none() {
            self.permit = self.waiting.and_then(Waiting::begin);
        }
        let lapsed = left.max(MIN_PAUSE);
        let is_settled = match &self.permit {
            Some(permit) => {
                let either = timeout(lapsed, self.claimant.store().settled(name));
                timeout_at(permit.until.instant(), either).await.is_ok()
            }
            None => false,
        };
        if !is_settled {
            self.claimant.notice(Event::Running);
        }
        is_settled
    }

    /// Reports that a caller was answered after a wait, and passes the answer
    /// on.
    pub(super) fn answered<T>(&self, answer: T) -> T {
        if self.permit.is_some() {
            self.claimant.notice(Event::Waited);
        }
        answer
    }
}
