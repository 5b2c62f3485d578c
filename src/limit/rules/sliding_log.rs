//! The exact sliding window. Its twin is `lua/sliding_log.lua`.

use super::{
    log::{Log, MAX_COUNT},
    quota::{Cost, MAX_COST, Quota},
    remaining::Remaining,
    rule::Rule,
};
use crate::{
    clock::Tick,
    error::{InvalidSetting, valid},
    limit::decision::Decision,
};

/// The largest limit: each bucket keeps up to twice as many entries.
const MAX_LIMIT: u64 = 1 << 16;

/// The exact sliding window: it remembers each admitted cost, and when it was
/// admitted, until that has left the window.
///
/// ```text
/// used = sum of the costs admitted in (now - W, now]
/// admit if used + cost <= limit
/// retry_after = time until enough of the oldest costs have left the window
/// ```
///
/// No span of W lets more than the limit pass. The price is memory: an entry of
/// 16 bytes for each request in the window. So the limit, which is the quota's
/// amount, may be 65,536 at most. Its burst is ignored.
///
/// ```
/// use sluicegate::limit::{Quota, Rule, SlidingLog};
///
/// let rule = SlidingLog::new(Quota::per_second(2));
/// let mut state = Default::default();
/// assert!(rule.decide(&mut state, 900_000, 2).is_admitted());
/// assert!(rule.decide(&mut state, 1_899_999, 1).is_denied());
/// assert!(rule.decide(&mut state, 1_900_000, 2).is_admitted());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlidingLog {
    quota: Quota,
}

impl SlidingLog {
    /// A window of the quota's period that admits its amount.
    ///
    /// # Panics
    ///
    /// If the amount is above 65,536.
    #[track_caller]
    pub fn new(quota: Quota) -> Self {
        valid(Self::try_new(quota))
    }

    /// A window of the quota's period that admits its amount.
    ///
    /// # Errors
    ///
    /// If the amount is above 65,536: too much to log.
    pub fn try_new(quota: Quota) -> Result<Self, InvalidSetting> {
        match quota.amount() {
            ..=MAX_LIMIT => Ok(Self { quota }),
            amount => Err(InvalidSetting::new(
                "quota amount",
                amount,
                "1 to 65536 in a sliding log",
            )),
        }
    }

    pub(super) fn width(&self) -> Tick {
        self.quota.period_ticks()
    }

    /// Decides about a cost of 0 on a copy, so that the log stays as it is.
    #[cold]
    fn ask(&self, mut log: Log, now: Tick, wait: Option<Tick>) -> Decision {
        self.come_to(&mut log, now);
        let wait = wait.unwrap_or_else(|| self.wait(&log, now, 0));
        self.decision(&log, now, 0, wait)
    }

    /// Brings the log to this instant: entries that are as old as the window
    /// go.
    fn come_to(&self, log: &mut Log, now: Tick) {
        log.step_back(now, self.width());
        log.forget(now, self.width());
    }

    /// Returns how many entries a log may have: twice as many as could be
    /// admitted. More than the limit is debt, which stretches the last entry.
    fn max_entries(&self) -> usize {
        2 * self.quota.amount() as usize
    }

    /// Returns the ticks until an entry of this instant has left the window.
    fn left(&self, at: Option<Tick>, now: Tick) -> Tick {
        at.map_or(0, |at| at.saturating_add(self.width()).saturating_sub(now))
    }

    /// Returns the ticks until `cost`, which is within the limit, passes: 0 if
    /// it does now.
    ///
    /// Nothing passes before the last entry: the clock stepped back, or the
    /// entry was booked in advance.
    fn wait(&self, log: &Log, now: Tick, cost: Cost) -> Tick {
        let excess = log
            .used
            .saturating_add(cost)
            .saturating_sub(self.quota.amount());
        let gone = if excess > 0 {
            self.left(log.when_gone(excess), now)
        } else {
            0
        };
        let ahead = log.last().map_or(0, |last| last.saturating_sub(now));
        gone.max(ahead)
    }

    /// Returns the decision for what the log holds, which the cost is part of
    /// if `wait` is 0 or the cost was booked.
    fn decision(&self, log: &Log, now: Tick, cost: Cost, wait: Tick) -> Decision {
        let limit = self.quota.amount();
        let units = match self.is_ahead(log, now) {
            true => 0,
            false => limit.saturating_sub(log.used),
        };
        let remaining = Remaining::whole(limit, units);
        let reset = self.left(log.last(), now);
        let decision = match wait {
            _ if cost > limit => Decision::never(remaining, reset),
            0 => Decision::admit(remaining, reset),
            _ => Decision::deny(remaining, wait, reset),
        };
        let more = if units < limit {
            self.wait(log, now, units + 1)
        } else {
            0
        };
        decision.windowed(more, self.width())
    }
}

impl Rule for SlidingLog {
    type State = Log;

    fn decide(&self, log: &mut Log, now: Tick, cost: Cost) -> Decision {
        if cost == 0 && log.is_behind(now, self.width()) {
            return self.ask(log.clone(), now, None);
        }
        self.come_to(log, now);
        let wait = self.wait(log, now, cost);
        if wait == 0 && (1..=self.quota.amount()).contains(&cost) {
            log.push(now, cost, self.max_entries());
        }
        self.decision(log, now, cost, wait)
    }

    fn credit(&self, log: &mut Log, now: Tick, cost: Cost) {
        self.come_to(log, now);
        log.pop(cost);
    }

    fn debit(&self, log: &mut Log, now: Tick, cost: Cost) {
        self.come_to(log, now);
        if cost > 0 {
            log.push(now, cost.min(MAX_COST), self.max_entries());
        }
    }

    fn undo(&self, log: &mut Log, now: Tick, cost: Cost, at: Tick, _mark: u64) -> Cost {
        self.come_to(log, now);
        log.take_out(cost, at)
    }

    fn max_debit(&self) -> Cost {
        MAX_COUNT.min(MAX_COST)
    }

    /// Forgets only entries that have left the window by now. The booking may
    /// be given back, and then the others still count.
    fn book(&self, log: &mut Log, now: Tick, cost: Cost, wait: Tick) -> Decision {
        if cost == 0 {
            return self.ask(log.clone(), now, Some(wait)).queued(wait);
        }
        self.come_to(log, now);
        log.push(now + wait, cost, usize::MAX);
        if let Some(last) = log.entries.back_mut() {
            last.set_booked();
        }
        self.decision(log, now, cost, wait).queued(wait)
    }

    fn is_ahead(&self, log: &Log, now: Tick) -> bool {
        log.last().is_some_and(|last| last > now)
    }

    fn life(&self, log: &Log, now: Tick) -> Tick {
        self.left(log.last(), now)
    }

    fn horizon(&self) -> Tick {
        self.width()
    }

    fn quota(&self) -> Quota {
        self.quota
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::limit::rules::rule::reserve;

    const W: Tick = 1_000_000;

    #[test]
    fn every_entry_leaves_when_it_is_as_old_as_the_window() {
        let (rule, mut log) = (SlidingLog::new(Quota::per_second(3)), Log::default());
        for now in [0, 400_000, 800_000] {
            assert!(rule.decide(&mut log, now, 1).is_admitted());
        }
        let denied = rule.decide(&mut log, 900_000, 2);
        assert_eq!(denied.retry_after(), Some(Duration::from_millis(500)));
        assert_eq!(denied.reset_after(), Duration::from_millis(900));
        assert!(rule.decide(&mut log, 400_000 + W - 1, 2).is_denied());
        assert!(rule.decide(&mut log, 400_000 + W, 2).is_admitted());
    }

    #[test]
    fn a_clock_that_steps_back_admits_nothing_until_it_is_there_again() {
        let (rule, mut log) = (SlidingLog::new(Quota::per_second(2)), Log::default());
        rule.decide(&mut log, 5 * W, 1);
        let denied = rule.decide(&mut log, 4 * W, 1);
        assert_eq!(denied.retry_after(), Some(Duration::from_micros(W)));
        assert!(rule.decide(&mut log, 5 * W, 1).is_admitted());
        assert!(rule.decide(&mut log, 5 * W, 1).is_denied());
        assert!(rule.decide(&mut log, 6 * W, 2).is_admitted());
    }

    #[test]
    fn debt_does_not_grow_the_log_without_bound() {
        let (rule, mut log) = (SlidingLog::new(Quota::per_second(4)), Log::default());
        for now in 0..1_000 {
            rule.debit(&mut log, now, 1);
        }
        assert!(log.entries.len() <= 8);
        assert_eq!(log.used, 1_000);
        rule.credit(&mut log, 1_000, 1_000);
        assert_eq!((log.entries.len(), log.used), (0, 0));
    }

    #[test]
    fn a_reservation_of_nothing_books_nothing() {
        let (rule, mut log) = (SlidingLog::new(Quota::per_second(2)), Log::default());
        rule.debit(&mut log, 0, 3);
        assert!(reserve(&rule, &mut log, 0, 0, W).is_admitted());
        assert_eq!((log.entries.len(), log.last()), (1, Some(0)));
    }

    #[test]
    fn a_booking_that_was_given_back_explains_no_step_back() {
        let rule = SlidingLog::new(Quota::per_second(2));
        let give_back: [fn(&SlidingLog, &mut Log); 2] = [
            |rule, log| rule.credit(log, 20 * W, 2),
            |rule, log| {
                assert_eq!(rule.undo(log, 20 * W, 2, 30 * W, 0), 2);
            },
        ];
        for give_back in give_back {
            let mut log = Log::default();
            rule.debit(&mut log, 20 * W, 2);
            rule.book(&mut log, 20 * W, 2, 10 * W);
            give_back(&rule, &mut log);
            // The costs in the window count as of now.
            let denied = rule.decide(&mut log, 5 * W, 1);
            assert_eq!(denied.retry_ticks(), Some(W), "{log:?}");
        }
    }

    #[test]
    fn a_limit_that_is_too_large_is_named_in_the_error() {
        assert!(SlidingLog::try_new(Quota::per_second(65_536)).is_ok());
        let error = SlidingLog::try_new(Quota::per_second(65_537)).unwrap_err();
        assert_eq!(error.field(), "quota amount");
    }
}
