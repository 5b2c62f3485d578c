//! What is left of a quota, as far as this client can know.
//!
//! A report is as old as the call that it answers. Calls that were under way at
//! the same time may or may not be in it, so all of them are taken off. Reports
//! may also come in another order than the server wrote them: one of a call
//! that was sent before the newest report came cannot add to what is left.

use std::{collections::VecDeque, time::Duration};

use tokio::time::Instant;

use super::{
    gaps::Gaps,
    pace::{Spread, divided},
    share::{Level, Share},
};
use crate::client::{advice::QuotaAdvice, random_bits::RandomBits};

/// The resolution of the times in reports.
const SECOND: Duration = Duration::from_secs(1);

/// How late a call may be and still keep its place in the pace. Timers are this
/// coarse.
const CATCH_UP: Duration = Duration::from_millis(2);

/// The most answers that are remembered.
const MAX_ANSWERS: usize = 64;

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
    name: String,
    partition: Option<Vec<u8>>,
    limit: Option<u64>,
    window: Option<Duration>,
    /// How much is left, by the newest report.
    left: u64,
    /// The same, before older calls were answered.
    reported: u64,
    known_at: Instant,
    /// The call of the newest report was sent at this time.
    known_sent: Instant,
    /// Calls from this number on are sent after the newest report came.
    newer: u64,
    /// Calls from this number on may not be in the newest report.
    uncounted_from: u64,
    uncounted: u64,
    /// The most calls that the server can have counted since the newest report.
    since: u64,
    /// The last answers of older calls: when they came, and what they said is
    /// left.
    answers: VecDeque<(Instant, u64)>,
    /// There is more at this time at the latest, and not before the other.
    more_at: Option<Instant>,
    /// How long until then, by the newest report alone.
    stated: Option<Duration>,
    not_before: Option<Instant>,
    /// The last report before the whole quota came back was sent at this time.
    step: Option<Instant>,
    gaps: Gaps,
    share: Option<Share>,
    /// The next call may be sent at this time, if one is left.
    next_at: Instant,
    taken_at: Instant,
    /// The last call that was sent although none was left.
    probed_at: Option<Instant>,
    /// The server's time was longer than the client allows.
    is_capped: bool,
    /// The quota was proved wrong and is ignored until then.
    ignored_until: Option<Instant>,
    cap: Duration,
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
            answers: VecDeque::new(),
            more_at: None,
            stated: None,
            not_before: None,
            step: None,
            gaps: Gaps::new(advice.window(), now),
            share: None,
            next_at: now,
            taken_at: now,
            probed_at: None,
            is_capped: false,
            ignored_until: None,
            cap,
        };
        this.note_time(report, false, now);
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

    /// Returns the earliest time at which a call may be sent.
    pub(in crate::client::obey) fn ready_at(&self, now: Instant) -> Instant {
        if self.ignored_until.is_some_and(|until| now < until) {
            return now;
        }
        match self.credit() {
            0 => self.probe_at(now),
            _ => self.next_at.min(self.known_at + self.cap),
        }
    }

    /// Returns when there is certainly a unit again, although none is known.
    fn probe_at(&self, now: Instant) -> Instant {
        let last = self
            .probed_at
            .map_or(self.known_at, |at| at.max(self.known_at));
        let promised = last + self.stated().min(self.cap);
        let more_at = match &self.share {
            // Not all clients at once.
            Some(share) => promised.max(self.next_at.min(last + self.cap)) + share.lag(self.cap),
            None => self
                .gaps
                .longest(now)
                .map_or(promised, |gap| promised.min(last + gap)),
        };
        // The bounds of a window's end come closer with each report. The end
        // promises units once.
        let step = self
            .more_at
            .filter(|_| self.step.is_some() && self.probed_at.is_none());
        step.map_or(more_at, |step| more_at.min(step.max(self.known_at)))
    }

    /// Returns the time from the newest report until there is more, as the
    /// server states it.
    fn stated(&self) -> Duration {
        let each = self
            .limit
            .zip(self.window)
            .map(|(limit, window)| divided(window, limit));
        self.stated.or(each).unwrap_or(SECOND)
    }

    /// Notes that a call is sent.
    pub(in crate::client::obey) fn take(&mut self, now: Instant) {
        if self.credit() == 0 {
            self.probed_at = Some(now);
        }
        self.uncounted += 1;
        self.since += 1;
        let interval = self.interval(now).min(self.cap);
        self.next_at = self.next_at.max(now - interval.min(CATCH_UP)) + interval;
        self.taken_at = now;
    }

    fn interval(&self, now: Instant) -> Duration {
        if let Some(share) = &self.share {
            return share.interval();
        }
        let is_step = self.is_step(now);
        let spread = Spread {
            credit: self.credit(),
            limit: self.limit,
            window: self.window,
            more_in: self.more_in(now),
            gap: self.gaps.longest(now).filter(|_| !is_step),
            is_step,
        };
        spread.interval()
    }

    /// Returns whether the whole quota seems to come back at once.
    fn is_step(&self, now: Instant) -> bool {
        match (self.gaps.longest(now), self.window) {
            (Some(gap), Some(window)) => gap + gap / 2 > window,
            // Nothing is known yet, and the server's time is the best guess.
            (None, _) => self.more_at.is_some(),
            _ => false,
        }
    }

    /// Returns the time until what is left should be used up.
    fn more_in(&self, now: Instant) -> Option<Duration> {
        let at = self.more_at?;
        let by_step = self
            .step
            .zip(self.window)
            .map(|(step, window)| step + window);
        let not_before = self.not_before.unwrap_or(now);
        let aim = by_step.map_or(at, |step| step.max(not_before).min(at));
        Some(aim.saturating_duration_since(now))
    }

    /// Notes that the response to a call came, or will not come.
    pub(in crate::client::obey) fn settle(&mut self, call: u64) {
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

    /// Learns from a report, after its call was settled.
    pub(in crate::client::obey) fn learn(
        &mut self,
        report: &Report<'_>,
        random: &RandomBits,
        now: Instant,
    ) {
        let Some(left) = report.advice.remaining() else {
            return;
        };
        if report.call < self.newer {
            // The call was under way when the newest report came.
            self.left = self.left.min(left);
            self.note_answer(left, now);
            return;
        }
        self.distrust(report, now);
        let is_gain = left >= self.reported;
        if is_gain {
            self.note_gain(report, left, now);
        }
        self.note_share(left, report, random, now);
        self.limit = report.advice.limit().or(self.limit);
        self.window = report.advice.window().or(self.window);
        self.note_time(report, is_gain, now);
        self.left = left.saturating_sub(self.overtaken(report.sent, left));
        self.reported = left;
        (self.known_at, self.known_sent, self.newer) = (now, report.sent, report.next);
        (self.uncounted_from, self.uncounted) = report.under_way;
        self.since = self.uncounted;
        self.probed_at = None;
        self.repace(now);
    }

    fn note_answer(&mut self, left: u64, now: Instant) {
        if self.answers.len() == MAX_ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((now, left));
    }

    /// Returns how many calls were answered while a call was under way, and may
    /// have been counted after it.
    fn overtaken(&self, sent: Instant, left: u64) -> u64 {
        let answers = self.answers.iter().rev();
        let beside = answers.take_while(|(at, _)| *at >= sent);
        beside.filter(|(_, other)| *other < left).count() as u64
    }

    /// The pace follows what is left, so the next call moves with it.
    fn repace(&mut self, now: Instant) {
        if let Some(share) = &self.share {
            self.next_at = self.taken_at + share.interval().min(self.cap);
        } else if self.credit() > 0 {
            let latest = now + self.interval(now).min(self.cap);
            self.next_at = self.next_at.min(latest);
        }
    }

    fn note_gain(&mut self, report: &Report<'_>, left: u64, now: Instant) {
        let jump = left - self.reported;
        let is_step = self.limit.is_some_and(|limit| jump * 2 > limit);
        self.step = is_step.then_some(self.known_sent);
        self.gaps.gained(report.sent, now);
    }

    /// Notes when there is more. All reports since the last gain are about the
    /// same instant, so the closest bounds of them count.
    fn note_time(&mut self, report: &Report<'_>, is_gain: bool, now: Instant) {
        let stated = report.advice.more_after();
        self.is_capped = stated.is_some_and(|it| it > self.cap);
        let stated = stated.map(|it| it.min(self.cap));
        self.stated = stated;
        let latest = stated.map(|it| now + it);
        let earliest = stated.map(|it| report.sent + it.saturating_sub(SECOND));
        // A bucket may have gained a unit unseen, and taken it.
        let is_known = self.step.is_some() && self.more_at.is_some_and(|at| now < at);
        let is_old = is_gain || !is_known;
        if is_old {
            let next = self.next_step().filter(|_| is_gain && !report.is_refused);
            self.not_before = earliest;
            self.more_at = latest.map(|latest| next.map_or(latest, |next| next.min(latest)));
        } else if let Some(latest) = latest {
            self.more_at = self.more_at.min(Some(latest));
            self.not_before = self.not_before.max(earliest);
        }
    }

    /// Returns when the whole quota comes back again, if windows follow each
    /// other without a gap.
    fn next_step(&self) -> Option<Instant> {
        self.step?;
        Some(self.more_at? + self.window?)
    }

    /// Ignores a quota that said that nothing is left for longer than the
    /// client allows, if a call passed nevertheless.
    fn distrust(&mut self, report: &Report<'_>, now: Instant) {
        if self.is_capped && self.probed_at.is_some() && !report.is_refused {
            self.ignored_until = Some(now + self.cap);
        }
    }

    /// Notes whether others use the quota: more is gone than this client can
    /// have taken.
    fn note_share(&mut self, left: u64, report: &Report<'_>, random: &RandomBits, now: Instant) {
        let level = self.level(left, now);
        let own = self.since;
        let others = self.reported.saturating_sub(left.saturating_add(own));
        // What the server had promised was taken by others, too.
        let is_shared = others > 0 && self.reported != u64::MAX || report.is_refused;
        match &mut self.share {
            None if is_shared => {
                let elapsed = now.saturating_duration_since(self.known_at).as_secs_f64();
                let all = (own + others) as f64 + level.rate * elapsed;
                self.share = Some(Share::new(level, own as f64, all, now, random.fraction()));
            }
            None => {}
            Some(share) => {
                share.follow(level, random.fraction());
                if is_shared {
                    share.seen = now;
                }
                if report.is_refused {
                    share.refused();
                }
            }
        }
        let patience = self.window.unwrap_or(SECOND).clamp(SECOND * 5, SECOND * 60) * 2;
        self.share = self
            .share
            .take()
            .filter(|share| now < share.seen + patience);
    }

    fn level(&self, left: u64, now: Instant) -> Level {
        let window_left = self.more_at.zip(self.window).map(|(at, window)| {
            let left = at.saturating_duration_since(now).as_secs_f64();
            (left / window.as_secs_f64()).min(1.0)
        });
        Level {
            rate: self.rate(),
            limit: self.limit.unwrap_or(left.max(1)) as f64,
            left: left as f64,
            window_left: window_left.filter(|_| self.is_step(now)),
        }
    }

    /// Returns the calls a second that come back.
    fn rate(&self) -> f64 {
        let known = self.limit.zip(self.window);
        known.map_or(1.0, |(limit, window)| limit as f64 / window.as_secs_f64())
    }

    /// Returns whether the quota has come back as a whole since the newest
    /// report, so that nothing is known any more.
    pub(in crate::client::obey) fn is_stale(&self, now: Instant) -> bool {
        let window = self.window.unwrap_or(SECOND).min(self.cap);
        let until = self
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
