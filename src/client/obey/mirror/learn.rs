//! How a mirror learns from the reports of its server.

use tokio::time::Instant;

use super::{
    mirror::{Mirror, Report},
    refill::{SECOND, StatedTime},
    share::{Level, Share},
};
use crate::{client::advice::QuotaAdvice, random_bits::RandomBits};

impl Mirror {
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
            return self.learn_late(left, now);
        }
        self.distrust(report, now);
        let is_gain = left >= self.reported;
        if is_gain {
            self.note_gain(report, left, now);
        }
        self.set_rule(report.advice, now);
        let has_others = self.note_history(left, report.sent, now);
        self.note_share(left, report, has_others, random, now);
        self.note_time(report, is_gain, now);
        self.overtaken = self.answers.overtaken(report.sent, left);
        self.left = left.saturating_sub(self.overtaken);
        self.reported = left;
        (self.known_at, self.known_sent, self.newer) = (now, report.sent, report.next);
        (self.uncounted_from, self.uncounted) = report.under_way;
        self.since = self.uncounted;
        self.probed_at = None;
        self.repace(now);
    }

    /// Learns from the report of a call that was under way when the newest report
    /// came.
    fn learn_late(&mut self, left: u64, now: Instant) {
        self.answers.note(left, now);
        self.overtaken += u64::from(left < self.reported);
        let counted = self.reported.saturating_sub(self.overtaken);
        self.left = self.left.min(left).min(counted);
    }

    /// A server may change its rule. With another window it counts anew, and a
    /// share of another rate is another pace.
    fn set_rule(&mut self, advice: &QuotaAdvice, now: Instant) {
        let rate = self.rate();
        self.limit = advice.limit().or(self.limit);
        if let Some(window) = advice.window().filter(|it| Some(*it) != self.window) {
            self.window = Some(window);
            self.history = self.history.with_window(window, now);
        }
        let ratio = self.rate() / rate;
        if let Some(share) = self.share.as_mut().filter(|_| ratio.is_finite()) {
            share.scale(ratio);
        }
    }

    /// The pace follows what is left, so the next call moves with it.
    fn repace(&mut self, now: Instant) {
        if let Some(share) = &self.share {
            self.next_at = self.taken_at + share.interval().min(self.cap);
        } else if self.credit() > 0 {
            let latest = self.taken_at + self.interval(now).min(self.cap);
            self.next_at = self.next_at.min(latest);
        }
    }

    fn note_gain(&mut self, report: &Report<'_>, left: u64, now: Instant) {
        let jump = left - self.reported;
        // A log gives back at once what was taken at once, at another time.
        let least = self.history.least(report.sent, now);
        let is_certain = |limit| self.share.is_some() || left.saturating_add(least) > limit;
        let is_step = self
            .limit
            .is_some_and(|limit| jump * 2 > limit && is_certain(limit));
        self.refill.gained(is_step, self.known_sent);
        self.gaps.gained(report.sent, now);
    }

    /// Adds the calls that the server has counted and this client does not know
    /// of, such as those of another client or of an earlier process.
    /// Returns whether there are any.
    pub(super) fn note_history(&mut self, left: u64, sent: Instant, now: Instant) -> bool {
        let Some(limit) = self.limit else {
            return false;
        };
        let used = limit.saturating_sub(left);
        self.history.compare(used, sent, now);
        let unknown = used.saturating_sub(self.history.used(sent));
        self.history.counted(unknown, now);
        unknown > 0
    }

    pub(super) fn note_time(&mut self, report: &Report<'_>, is_gain: bool, now: Instant) {
        let stated = StatedTime {
            more_after: report.advice.more_after(),
            sent: report.sent,
            window: self.window,
            is_gain,
            is_regular: !report.is_refused,
        };
        self.refill.note(stated, self.cap, now);
    }

    /// Ignores a quota that said that nothing is left for longer than the
    /// client allows, if a call passed nevertheless.
    fn distrust(&mut self, report: &Report<'_>, now: Instant) {
        if self.refill.is_capped && self.probed_at.is_some() && !report.is_refused {
            self.ignored_until = Some(now + self.cap);
        }
    }

    /// Notes whether others use the quota: more is gone than this client can
    /// have taken.
    fn note_share(
        &mut self,
        left: u64,
        report: &Report<'_>,
        has_others: bool,
        random: &RandomBits,
        now: Instant,
    ) {
        let level = self.level(left, now);
        let own = self.since;
        let others = self.reported.saturating_sub(left.saturating_add(own));
        // What the server had promised was taken by others, too.
        let is_shared = others > 0 && self.reported != u64::MAX || has_others || report.is_refused;
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
        let window = self.window.unwrap_or(SECOND);
        self.share = self
            .share
            .take()
            .filter(|share| now < share.seen + share.patience(window));
    }

    fn level(&self, left: u64, now: Instant) -> Level {
        let window_left = self.refill.more_at.zip(self.window).map(|(at, window)| {
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
}
