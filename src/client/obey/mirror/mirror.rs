//! The rest of a quota, as far as this client can know.
//!
//! A report is as old as the call that it answers. Calls that were under way at
//! the same time may or may not be in it, so all of them are taken off. Reports
//! may also come in another order than the server wrote them: one of a call
//! that was sent before the newest report came cannot add to what is left.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    answers::Answers,
    gaps::Gaps,
    history::History,
    refill::{Refill, SECOND},
    share::Share,
};
use crate::client::advice::QuotaAdvice;

/// How late a call may be and still keep its place in the pace. Timers are this
/// coarse.
const CATCH_UP: Duration = Duration::from_millis(2);

/// A response to one of the client's calls, with what it says about the quota.
#[derive(Clone, Copy, Debug)]
pub(in crate::client::obey) struct Report<'a> {
    pub(in crate::client::obey) advice: &'a QuotaAdvice,
    /// The number of the call.
    pub(in crate::client::obey) call: u64,
    /// The number that the next call will have.
    pub(in crate::client::obey) next: u64,
    pub(in crate::client::obey) sent: Instant,
    /// Whether the server refused the call.
    pub(in crate::client::obey) is_refused: bool,
    /// The first call under way that the report may not include, and how many
    /// there are.
    pub(in crate::client::obey) under_way: (u64, u64),
}

/// The mirror of one quota.
#[derive(Debug)]
pub(in crate::client::obey) struct Mirror {
    pub(super) name: String,
    pub(super) partition: Option<Vec<u8>>,
    pub(super) limit: Option<u64>,
    pub(super) window: Option<Duration>,
    /// How much is left, by the newest report.
    pub(super) left: u64,
    /// The same, before older calls were answered.
    pub(super) reported: u64,
    pub(super) known_at: Instant,
    /// The call of the newest report was sent at this time.
    pub(super) known_sent: Instant,
    /// Calls from this number on are sent after the newest report came.
    pub(super) newer: u64,
    /// Calls from this number on may not be in the newest report.
    pub(super) uncounted_from: u64,
    pub(super) uncounted: u64,
    /// The most calls that the server can have counted since the newest report.
    pub(super) since: u64,
    pub(super) answers: Answers,
    /// Calls that the server has counted after the newest report, as their own
    /// reports show.
    pub(super) overtaken: u64,
    pub(super) refill: Refill,
    pub(super) gaps: Gaps,
    pub(super) history: History,
    pub(super) share: Option<Share>,
    /// The next call may be sent at this time, if one is left.
    pub(super) next_at: Instant,
    pub(super) taken_at: Instant,
    /// The last call that was sent although none was left.
    pub(super) probed_at: Option<Instant>,
    /// The quota was proved wrong and is ignored until then.
    pub(super) ignored_until: Option<Instant>,
    pub(super) cap: Duration,
}

impl Mirror {
    /// Begins with the first report.
    pub(in crate::client::obey) fn new(report: &Report<'_>, cap: Duration, now: Instant) -> Self {
        let advice = report.advice;
        let left = advice.remaining().unwrap_or(u64::MAX);
        let mut this = Self {
            name: advice.name().to_owned(),
            partition: advice.partition().map(<[u8]>::to_vec),
            limit: advice.limit(),
            window: advice.window(),
            left,
            reported: left,
            known_at: now,
            known_sent: report.sent,
            newer: report.next,
            uncounted_from: report.under_way.0,
            uncounted: report.under_way.1,
            since: report.under_way.1,
            answers: Answers::default(),
            overtaken: 0,
            refill: Refill::default(),
            gaps: Gaps::new(advice.window(), now),
            history: History::new(advice.window().unwrap_or(SECOND), now),
            share: None,
            next_at: now,
            taken_at: now,
            probed_at: None,
            ignored_until: None,
            cap,
        };
        this.note_time(report, false, now);
        (0..report.under_way.1).for_each(|_| this.history.sent());
        this.history.counted(1, now);
        this.note_history(left, report.sent, now);
        this
    }

    pub(in crate::client::obey) fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether a report is about this quota.
    pub(in crate::client::obey) fn is_of(&self, advice: &QuotaAdvice) -> bool {
        self.name == advice.name() && self.partition.as_deref() == advice.partition()
    }

    /// Returns the calls that may certainly be sent.
    pub(in crate::client::obey) fn credit(&self) -> u64 {
        self.left.saturating_sub(self.uncounted)
    }

    /// Notes that a call is sent.
    pub(in crate::client::obey) fn take(&mut self, now: Instant) {
        if self.credit() == 0 {
            self.probed_at = Some(now);
        }
        self.uncounted += 1;
        self.since += 1;
        self.history.sent();
        let interval = self.interval(now).min(self.cap);
        let earliest = now.checked_sub(CATCH_UP).unwrap_or(now);
        self.next_at = self.next_at.max(earliest) + interval;
        self.taken_at = now;
    }

    /// Notes that the response to a call came, or will not come.
    pub(in crate::client::obey) fn settle(&mut self, call: u64, now: Instant) {
        self.history.ended(now);
        if call >= self.uncounted_from {
            self.uncounted = self.uncounted.saturating_sub(1);
        }
    }

    /// Notes that a call may have been counted, although nothing was heard.
    pub(in crate::client::obey) fn assume_counted(&mut self, call: u64) {
        if call >= self.uncounted_from {
            self.left = self.left.saturating_sub(1);
        }
    }

    /// Returns the calls a second that come back.
    pub(super) fn rate(&self) -> f64 {
        let known = self.limit.zip(self.window);
        known.map_or(1.0, |(limit, window)| limit as f64 / window.as_secs_f64())
    }

    /// Returns whether the quota has come back as a whole since the newest
    /// report, so that nothing is known any more.
    pub(in crate::client::obey) fn is_stale(&self, now: Instant) -> bool {
        let window = self.window.unwrap_or(SECOND).min(self.cap);
        let until = self
            .refill
            .more_at
            .unwrap_or(self.known_at)
            .max(self.known_at + window);
        let ignored = self.ignored_until.unwrap_or(until);
        let shared = self
            .share
            .as_ref()
            .map(|share| share.seen + share.patience(window));
        self.uncounted == 0 && now > until.max(ignored).max(shared.unwrap_or(until)) + SECOND
    }
}
