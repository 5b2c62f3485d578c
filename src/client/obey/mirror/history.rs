//! The client's own calls of the last two windows, and when a unit of them is
//! certainly back, by any of the usual rules.
//!
//! A call that was counted at an instant
//!
//! - is off a bucket, a fixed window and a log after one window at the latest;
//! - weighs less and less in the two counters that approximate a sliding window,
//!   once their boundary has passed. The client does not know where that is,
//!   so the worst place counts.
//!
//! Time is divided into parts. A call is taken for one at the end of its part.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

/// Parts of a window.
const PARTS: u64 = 128;

/// The parts that a rule may still count, with one for each end that lies within
/// a part.
const KEPT: usize = 2 * PARTS as usize + 3;

/// For so many windows and reports a server must count no more than a log, until
/// it is taken for one that never does.
const PROVED_WINDOWS: u32 = 8;
const PROVED_REPORTS: u64 = 32;

/// The calls that a server may still count.
#[derive(Debug)]
pub(super) struct History {
    origin: Instant,
    window: Duration,
    /// How many calls there were until the end of each part, oldest first.
    totals: VecDeque<u64>,
    /// The number of the newest part since the origin.
    newest: u64,
    /// Calls that are counted at an instant yet to come.
    under_way: u64,
    /// The last time that a server has counted more than a log would.
    excess_at: Instant,
    /// The reports since then.
    agreeing: u64,
    is_log: bool,
}

impl History {
    pub(super) fn new(window: Duration, now: Instant) -> Self {
        Self {
            origin: now,
            window,
            totals: VecDeque::from([0, 0]),
            newest: 0,
            under_way: 0,
            excess_at: now,
            agreeing: 0,
            is_log: false,
        }
    }

    /// Begins anew with the calls under way: a rule of another window has not
    /// counted the others.
    pub(super) fn with_window(&self, window: Duration, now: Instant) -> Self {
        Self {
            under_way: self.under_way,
            ..Self::new(window, now)
        }
    }

    /// Notes that a call was sent.
    pub(super) fn sent(&mut self) {
        self.under_way += 1;
    }

    /// Notes that a call has ended, so it was counted until now.
    pub(super) fn ended(&mut self, now: Instant) {
        self.under_way = self.under_way.saturating_sub(1);
        self.counted(1, now);
    }

    /// Notes that so many calls were counted until now.
    pub(super) fn counted(&mut self, calls: u64, now: Instant) {
        let part = self.part(now).max(self.newest);
        let all = self.all();
        let passed = (part - self.newest).min(KEPT as u64);
        (0..passed).for_each(|_| self.totals.push_back(all));
        self.totals.drain(..self.totals.len().saturating_sub(KEPT));
        self.newest = part;
        let newest = self.totals.len() - 1;
        self.totals[newest] = all.saturating_add(calls);
    }

    /// Returns the most calls that a rule counts at an instant, if none is sent
    /// until then.
    pub(super) fn used(&self, at: Instant) -> u64 {
        self.used_in(self.part(at)).saturating_add(self.under_way)
    }

    /// Compares a report with the calls that a log would count.
    pub(super) fn compare(&mut self, used: u64, sent: Instant, now: Instant) {
        let most = self.recent(self.part(sent)) + self.under_way;
        if used > most {
            (self.excess_at, self.agreeing) = (now, 0);
        } else if used == most && used == self.least(sent, now) + 1 && used > 1 {
            self.agreeing += 1;
        }
        self.is_log = self.is_log(now);
    }

    /// Returns the calls that are surely in a report, if its rule is a log.
    pub(super) fn least(&self, sent: Instant, now: Instant) -> u64 {
        let lag = now.saturating_duration_since(sent) * 2;
        let begin = (now + lag).checked_sub(self.window).unwrap_or(self.origin);
        self.until(self.part(sent))
            .saturating_sub(self.until(self.part(begin) + 1))
    }

    fn is_log(&self, at: Instant) -> bool {
        let proved = at.saturating_duration_since(self.excess_at) > self.window * PROVED_WINDOWS;
        proved && self.agreeing >= PROVED_REPORTS
    }

    /// Returns the calls of the last window.
    fn recent(&self, part: u64) -> u64 {
        self.all() - self.until(part.saturating_sub(PARTS))
    }

    fn used_in(&self, part: u64) -> u64 {
        if self.is_log {
            return self.recent(part);
        }
        // The oldest call that counts is from a window before the boundary.
        let weighed = (part.saturating_sub(PARTS - 1)..=part).map(|boundary| {
            let since = self.all() - self.until(boundary);
            let before = self.until(boundary) - self.until(boundary.saturating_sub(PARTS + 1));
            let weight = (PARTS + boundary + 1 - part).min(PARTS);
            since
                .saturating_mul(PARTS)
                .saturating_add(before.saturating_mul(weight))
        });
        weighed.max().unwrap_or(0).div_ceil(PARTS)
    }

    /// Returns the earliest instant at which so many of `limit` are certainly
    /// left, if none is sent until then; `None` if calls under way prevent it.
    pub(super) fn free_at(&self, units: u64, limit: u64, now: Instant) -> Option<Instant> {
        let most = limit.checked_sub(units)?.checked_sub(self.under_way)?;
        let first = self.part(now);
        if self.used_in(first) <= most {
            return Some(now);
        }
        let (mut early, mut late) = (first, first + KEPT as u64);
        while early + 1 < late {
            let middle = early.midpoint(late);
            match self.used_in(middle) <= most {
                true => late = middle,
                false => early = middle,
            }
        }
        Some(self.origin + self.until_part(late))
    }

    /// Returns the time from the origin to the begin of a part, rounded up.
    fn until_part(&self, part: u64) -> Duration {
        let nanos = (self.window.as_nanos() * u128::from(part)).div_ceil(u128::from(PARTS));
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        Duration::new(seconds, (nanos % 1_000_000_000) as u32)
    }

    fn all(&self) -> u64 {
        self.totals.back().copied().unwrap_or(0)
    }

    /// Returns how many calls there were until the begin of a part.
    fn until(&self, part: u64) -> u64 {
        let back = self.newest + 1 - part.min(self.newest + 1);
        match self.totals.len().checked_sub(1 + back as usize) {
            Some(index) => self.totals[index],
            None => self.totals.front().copied().unwrap_or(0),
        }
    }

    fn part(&self, at: Instant) -> u64 {
        let elapsed = at.saturating_duration_since(self.origin).as_nanos();
        let part = elapsed * u128::from(PARTS) / self.window.as_nanos().max(1);
        u64::try_from(part).unwrap_or(u64::MAX)
    }
}
