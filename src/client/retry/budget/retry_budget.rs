//! The budget that the clones of a layer share.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

#[cfg(feature = "redis")]
use super::fleet::Fleet;
use super::{
    asking::Asking,
    builder::RetryBudgetBuilder,
    local_budget::LocalBudget,
    reservation::Reservation,
    window::{BudgetRule, Window},
};

/// How many retries a client may send: a share of its requests.
///
/// Unless set, there are at most 10 retries for 100 requests in any 10 seconds,
/// and at most 10 at once. A client with few requests has no retries: a budget
/// with a minimum rate would let many such clients double the load of a server
/// that fails.
///
/// Clones share the budget. Give one budget to all layers whose calls go to the
/// same servers.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::client::{RetryBudget, RetryLayer};
///
/// let budget = RetryBudget::builder().percent(20).window(Duration::from_secs(30)).local();
/// let orders = RetryLayer::new().budget(budget.clone());
/// let payments = RetryLayer::new().budget(budget);
/// # let _ = (orders, payments);
/// ```
///
/// # How it counts
///
/// Requests deposit, and retries withdraw. A window consists of 20 slots. Of
/// requests the last 20 slots count, the present one included, and of retries
/// the last 21. So the share holds in every window, and up to 5 % of it may stay
/// unused. A retry is reserved before its client waits, so that calls that wait
/// do not overdraw the budget together, and counted when it is sent.
///
/// It goes by tokio's clock.
#[derive(Clone)]
pub struct RetryBudget {
    shared: Arc<LocalBudget>,
    #[cfg(feature = "redis")]
    fleet: Option<Arc<Fleet>>,
}

impl RetryBudget {
    /// Returns the default budget of this process.
    pub fn new() -> Self {
        Self::builder().local()
    }

    /// Returns a builder.
    pub fn builder() -> RetryBudgetBuilder {
        RetryBudgetBuilder::new()
    }

    pub(super) fn of(rule: BudgetRule, window: Duration) -> Self {
        Self {
            shared: Arc::new(LocalBudget::new(rule, window)),
            #[cfg(feature = "redis")]
            fleet: None,
        }
    }

    #[cfg(feature = "redis")]
    pub(super) fn with_fleet(mut self, fleet: Fleet) -> Self {
        self.fleet = Some(Arc::new(fleet));
        self
    }

    /// Counts a request.
    #[inline]
    pub(in crate::client::retry) fn count(&self) {
        self.shared.count();
    }

    /// Reserves a retry; `None` if the budget is used up.
    pub(in crate::client::retry) fn reserve(&self) -> Option<Reservation> {
        let taken = self.shared.locked(Window::reserve)?;
        Some(Reservation::new(self.shared.clone(), taken))
    }

    /// Asks the fleet, which has to agree to a retry, if there is one. Waits
    /// until `end` at most.
    #[cfg(feature = "redis")]
    pub(in crate::client::retry) fn ask_fleet(&self, end: Option<Instant>) -> Option<Asking> {
        let fleet = self.fleet.clone()?;
        Some(fleet.ask(|| self.shared.locked(Window::take_unsent), end))
    }

    #[cfg(not(feature = "redis"))]
    pub(in crate::client::retry) fn ask_fleet(&self, _end: Option<Instant>) -> Option<Asking> {
        None
    }
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RetryBudget {
    debug_opaque!(RetryBudget);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_are_forgotten_after_the_window() {
        let budget = RetryBudget::new();
        (0..20).for_each(|_| budget.count());
        let (one, other) = (budget.reserve(), budget.reserve());
        assert!(one.is_some() && other.is_some() && budget.reserve().is_none());
        drop(one);
        assert!(budget.reserve().is_some_and(Reservation::spend));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert!(budget.reserve().is_none());
        assert!(!other.unwrap().spend());
    }

    #[test]
    fn threads_lose_no_request() {
        let budget = RetryBudget::builder().percent(100).reserve(100_000).local();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..5_000).for_each(|_| budget.count()));
            }
        });
        let reserved: Vec<_> = std::iter::from_fn(|| budget.reserve()).collect();
        assert_eq!(reserved.len(), 20_000);
    }
}
