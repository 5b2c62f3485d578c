//! The settings of the layer, and how they decide about a call.
//!
//! A call has two ends. The caller waits until the earlier of its deadline and
//! the longest time for a call. The callee is told the same, but less the
//! margin where the deadline is the earlier one.

use std::{fmt, sync::Arc, time::Duration};

use http::{HeaderValue, Request};
use tokio::time::Instant;

use super::{call_bound::CallTimes, header::TimeoutHeader, margin::Margin};
use crate::deadline::{
    Deadline, Event, Observe, coverage::ChooseCoverage, current, deadline::earlier,
};

/// The settings of a layer, but for how it refuses.
#[derive(Clone, Default)]
pub(super) struct PropagateSettings {
    pub(super) margin: Margin,
    /// The longest time for a call.
    pub(super) call_max: Option<Duration>,
    /// The header for callees that do not speak gRPC.
    pub(super) header: TimeoutHeader,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) covers: ChooseCoverage,
}

/// The decision about a call.
pub(super) enum CallPlan {
    /// It has no deadline.
    Free,
    /// The callee was told, and the call ends in time.
    Bounded(CallTimes),
    /// No time is left.
    Late,
}

impl PropagateSettings {
    /// Tells the callee how long it has, and returns the end of the call.
    #[inline]
    pub(super) fn plan<B>(
        &self,
        content_type: Option<&HeaderValue>,
        req: &mut Request<B>,
    ) -> CallPlan {
        let header = self.header.of(content_type);
        let preset = header.read(req.headers());
        if preset.is_malformed {
            self.notice(Event::Malformed);
        }
        let deadline = earlier(current(), req.extensions().get().copied());
        let most = earlier(preset.least, self.call_max);
        let now = Instant::now();
        let Some((until, told)) = self.shares(deadline, most, now) else {
            return CallPlan::Free;
        };
        // A header that says just this is left alone, which saves an
        // allocation.
        let is_told = match preset.is(told) {
            true => !told.is_zero(),
            false => header.write(told, req.headers_mut()),
        };
        match is_told {
            true => {
                let is_own = deadline.is_none_or(|deadline| until < deadline);
                let until = until.instant();
                CallPlan::Bounded(CallTimes {
                    until,
                    begun: now,
                    told,
                    is_own,
                })
            }
            false => CallPlan::Late,
        }
    }

    /// Returns until when the call is waited for, and the timeout that the
    /// callee is told; `None` if nothing bounds the call.
    #[inline]
    fn shares(
        &self,
        deadline: Option<Deadline>,
        most: Option<Duration>,
        now: Instant,
    ) -> Option<(Deadline, Duration)> {
        let left = deadline.map(|deadline| self.margin.off(deadline.remaining_at(now)));
        let own = most.map(|most| Deadline::since(now, most));
        earlier(deadline, own).zip(earlier(left, most))
    }

    /// Tells the observer, if there is one.
    pub(super) fn notice(&self, event: Event) {
        if let Some(observer) = &self.observer {
            observer.noticed(&event);
        }
    }
}

impl fmt::Debug for PropagateSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PropagateSettings")
            .field("margin", &self.margin)
            .field("call_max", &self.call_max)
            .field("header", &self.header)
            .field("observer", &self.observer)
            .finish_non_exhaustive()
    }
}
