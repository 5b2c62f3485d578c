//! The longest time, as seen in reports, that it took until there was more.
//!
//! A server rounds its times to whole seconds, and a bucket may gain a unit
//! each millisecond. The longest gap of a whole window is safe for any rule: a
//! bucket's is the time of a unit, and a fixed window's is the window.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest period over which a maximum is taken.
const MIN_PERIOD: Duration = Duration::from_secs(1);

/// The longest gap of the current and of the last whole period.
#[derive(Debug)]
pub(super) struct Gaps {
    /// The call whose report showed the last gain was sent at this time.
    since: Instant,
    period: Duration,
    begun: Instant,
    current: Duration,
    /// `None` until a period was seen whole.
    last: Option<Duration>,
}

impl Gaps {
    pub(super) fn new(window: Option<Duration>, now: Instant) -> Self {
        Self {
            since: now,
            period: window.unwrap_or_default().max(MIN_PERIOD),
            begun: now,
            current: Duration::ZERO,
            last: None,
        }
    }

    /// Notes a report that shows a gain since the last one.
    pub(super) fn gained(&mut self, sent: Instant, now: Instant) {
        let gap = now.saturating_duration_since(self.since);
        self.since = sent;
        if now.saturating_duration_since(self.begun) > self.period {
            self.last = Some(self.current);
            self.current = Duration::ZERO;
            self.begun = now;
        }
        self.current = self.current.max(gap);
    }

    /// Returns the longest gap, with a quarter on top; `None` until a whole
    /// period was seen.
    pub(super) fn longest(&self, now: Instant) -> Option<Duration> {
        let open = now.saturating_duration_since(self.since);
        let longest = self.last?.max(self.current);
        // A gap that is still open and longer makes what was seen obsolete.
        (open <= longest * 2 + MIN_PERIOD).then_some(longest + longest / 4)
    }
}
