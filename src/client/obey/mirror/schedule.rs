//! When the next call may be sent, and how long after it another one.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    mirror::Mirror,
    pace::{Spread, divided},
    refill::SECOND,
};

impl Mirror {
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
            None => {
                let seen = || self.gaps.longest(now).map(|gap| last + gap);
                let known = self.free_at(1, now).or_else(seen);
                known.map_or(promised, |known| known.min(promised))
            }
        };
        // The bounds of a window's end come closer with each report. The end
        // promises units once.
        let step = self.refill.step_at().filter(|_| self.probed_at.is_none());
        step.map_or(more_at, |step| more_at.min(step.max(self.known_at)))
    }

    /// Returns the time from the newest report until there is more, as the
    /// server states it.
    fn stated(&self) -> Duration {
        let each = self
            .limit
            .zip(self.window)
            .map(|(limit, window)| divided(window, limit));
        self.refill.stated.or(each).unwrap_or(SECOND)
    }

    /// Returns when so many units are certainly back, if no other client uses
    /// the quota.
    pub(super) fn free_at(&self, units: u64, now: Instant) -> Option<Instant> {
        // No rule takes longer than two windows, so a server that says so has
        // another reason.
        let longest = self.window? * 2;
        let is_longer = self.refill.is_capped || self.refill.stated > Some(longest);
        if is_longer {
            return None;
        }
        self.history.free_at(units, self.limit?, now)
    }

    /// Returns the time between a call that is sent now and the next.
    pub(super) fn interval(&self, now: Instant) -> Duration {
        if let Some(share) = &self.share {
            return share.interval();
        }
        let is_step = self.is_step(now);
        let spread = Spread {
            credit: self.credit(),
            limit: self.limit,
            window: self.window,
            more_in: self.refill.more_in(self.window, now),
            gap: self.gaps.longest(now).filter(|_| !is_step),
            is_step,
        };
        let interval = spread.interval();
        match spread.each().is_some_and(|each| interval * 2 > each) {
            true => self.known_spread(spread, now).interval(),
            false => interval,
        }
    }

    /// Returns the spread with what the own calls tell. It costs more, so it is
    /// left for calls that would wait for long.
    fn known_spread(&self, spread: Spread, now: Instant) -> Spread {
        let limit = self.limit.unwrap_or(0);
        let left = limit.saturating_sub(self.history.used(now));
        let credit = spread.credit.max(left);
        let known = self.free_at(credit + 1, now);
        let known = known.map(|at| at.saturating_duration_since(now));
        let more_in = [spread.more_in, known].into_iter().flatten().min();
        Spread {
            credit,
            more_in,
            ..spread
        }
    }

    /// Returns whether the whole quota seems to come back at once.
    pub(super) fn is_step(&self, now: Instant) -> bool {
        match (self.gaps.longest(now), self.window) {
            (Some(gap), Some(window)) => gap + gap / 2 > window && self.refill.step_at().is_some(),
            // Nothing is known yet, and the server's time is the best guess.
            (None, _) => self.refill.more_at.is_some(),
            _ => false,
        }
    }
}
