//! The settings of the layer, and what its clones share.

use std::{sync::Arc, time::Duration};

use http::HeaderName;
use tokio::time::Instant;

use super::{rejection_budget::RejectionBudget, timer::TimerQueue, trust::Trust};
use crate::deadline::{
    Deadline, Event, Form, Observe, coverage::ChooseCoverage, wire::default_headers,
};

/// The settings of a layer that are not types of their own. The budget and the
/// timers are shared by all layers and services that have them.
///
/// Apart from the cache line of its reference count, which all requests write.
#[repr(align(64))]
#[derive(Clone)]
pub(crate) struct EnforceSettings {
    /// The timeout of requests that ask for none.
    pub(super) default_timeout: Option<Duration>,
    /// The longest timeout that is granted.
    pub(super) maximum: Option<Duration>,
    /// Requests with less time are refused at once.
    pub(super) min_useful: Duration,
    pub(super) headers: Vec<(HeaderName, Form)>,
    /// Whether a malformed timeout is refused, and not ignored.
    pub(super) is_strict: bool,
    /// Whether requests carry their cancellation in their extensions.
    pub(super) with_cancellation: bool,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) covers: ChooseCoverage,
    pub(super) rejections: Arc<RejectionBudget>,
    /// Drops bodies at their deadline.
    pub(super) timers: Arc<TimerQueue>,
}

impl EnforceSettings {
    /// Returns the defaults: no timeouts, and a budget of 20 percent.
    pub(super) fn new() -> Self {
        Self {
            default_timeout: None,
            maximum: None,
            min_useful: Duration::ZERO,
            headers: default_headers(),
            is_strict: false,
            with_cancellation: false,
            observer: None,
            covers: None,
            rejections: Arc::new(RejectionBudget::at_most(20)),
            timers: Arc::default(),
        }
    }

    /// Tells the observer, if there is one.
    #[inline]
    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }

    /// Tells the observer that a request came in.
    #[inline]
    pub(super) fn notice_entered(&self, deadline: Option<Deadline>, now: Instant) {
        if let Some(observer) = &self.observer {
            let left = deadline.map(|deadline| deadline.remaining_at(now));
            observer.noticed(&Event::Entered(left));
        }
    }

    /// Returns the time of a request by the headers and the settings, and
    /// notices a request that asked for more.
    #[inline]
    pub(super) fn timeout(&self, trust: Trust, asked: Option<Duration>) -> Option<Duration> {
        let Some(asked) = asked else {
            return self.default_timeout();
        };
        let (granted, is_less) = trust.grant(asked, self.default_timeout, self.maximum);
        if is_less {
            self.notice(Event::Clamped);
        }
        Some(granted)
    }

    /// Returns the timeout of requests that ask for none, at most the maximum.
    #[inline]
    pub(super) fn default_timeout(&self) -> Option<Duration> {
        let maximum = self.maximum.unwrap_or(Duration::MAX);
        self.default_timeout.map(|default| default.min(maximum))
    }

    /// Returns whether a caller asked for less than it would be given.
    #[inline]
    pub(super) fn is_short(&self, asked: Option<Duration>) -> bool {
        let given = self.default_timeout().or(self.maximum);
        asked.is_some_and(|asked| given.is_none_or(|given| asked < given))
    }
}
