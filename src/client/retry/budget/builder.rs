//! The settings of a budget.

use std::time::Duration;

use super::{retry_budget::RetryBudget, window::BudgetRule};

/// The longest window.
const HOUR: Duration = Duration::from_secs(3_600);

/// The most retries that may be saved up, or be allowed without requests.
const MAX_RETRIES: u64 = 1_000_000;

/// Builds a [`RetryBudget`].
#[derive(Clone, Copy, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct RetryBudgetBuilder {
    rule: BudgetRule,
    window: Duration,
}

impl RetryBudgetBuilder {
    pub(super) fn new() -> Self {
        let rule = BudgetRule {
            percent: 10,
            minimum: 0,
            reserve: 10,
        };
        let window = Duration::from_secs(10);
        Self { rule, window }
    }

    /// Sets how many retries there may be for 100 requests of the window. The
    /// default is 10. 0 allows only those that need no budget.
    ///
    /// # Panics
    ///
    /// When it is more than 100.
    #[track_caller]
    pub fn percent(mut self, percent: u32) -> Self {
        assert!(
            percent <= 100,
            "invalid percent {percent}: must be at most 100"
        );
        self.rule.percent = percent.into();
        self
    }

    /// Sets the time in which requests and retries are compared. The default is
    /// 10 seconds.
    ///
    /// # Panics
    ///
    /// When it is less than a millisecond, or more than an hour.
    #[track_caller]
    pub fn window(mut self, window: Duration) -> Self {
        assert!(
            (Duration::from_millis(1)..=HOUR).contains(&window),
            "invalid window {window:?}: must be 1 ms to 1 h"
        );
        self.window = window;
        self
    }

    /// Sets how many retries may be saved up by requests of the window, and so
    /// be sent at once. The default is 10.
    ///
    /// # Panics
    ///
    /// When it is 0, or more than 1,000,000.
    #[track_caller]
    pub fn reserve(mut self, retries: u64) -> Self {
        assert!(
            (1..=MAX_RETRIES).contains(&retries),
            "invalid reserve {retries}: must be 1 to 1000000"
        );
        self.rule.reserve = retries;
        self
    }

    /// Sets how many retries there may be in a window whatever the requests. The
    /// default is 0. A client that makes few calls has no retries without it.
    ///
    /// With it, clients together may send so many retries each to a server that
    /// fails.
    ///
    /// # Panics
    ///
    /// When it is more than 1,000,000.
    #[track_caller]
    pub fn minimum(mut self, retries: u64) -> Self {
        assert!(
            retries <= MAX_RETRIES,
            "invalid minimum {retries}: must be at most 1000000"
        );
        self.rule.minimum = retries;
        self
    }

    /// Returns a budget of this process.
    pub fn local(self) -> RetryBudget {
        RetryBudget::of(self.rule, self.window)
    }
}

#[cfg(feature = "redis")]
impl RetryBudgetBuilder {
    /// Returns a budget that all processes share which use this name and this
    /// Redis.
    ///
    /// A retry needs room in the budget of its own process and in that of the
    /// fleet, both by these settings, which all processes have to share. So 500
    /// processes do not spend 500 reserves at once on a server that begins to fail.
    ///
    /// Redis is only asked before a retry. Then it is also told of the requests
    /// that the process has counted meanwhile; a process without retries tells
    /// none, so the fleet's budget is never too large. For a slot (a twentieth of
    /// the window) after a denial, it is not asked again. If Redis does not
    /// answer, the budget of the process decides. A retry that the fleet has
    /// admitted counts, even if its call is dropped while it waits.
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(self, name: &str, connection: &crate::redis::Connection) -> RetryBudget {
        let fleet = super::fleet::Fleet::new(self.rule, self.window, name, connection);
        self.local().with_fleet(fleet)
    }
}
