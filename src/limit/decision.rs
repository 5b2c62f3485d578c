//! What a limiter says about one request.

use std::{fmt, time::Duration};

use super::rules::{quota::Cost, remaining::Spare};
use crate::clock::Tick;

/// What to do with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let it pass: its cost is taken.
    Admit,
    /// Let it pass after this long: its cost is taken, its place is booked. The
    /// caller has to sleep; `until_ready` sleeps itself, and then answers `Admit`.
    Queue(Duration),
    /// Refuse it: nothing was taken.
    Deny,
}

/// A verdict, and the numbers that a client wants to know with it.
///
/// The numbers are worked out when they are asked for, so that a decision that
/// nobody looks into costs no division.
#[derive(Clone, Copy)]
pub struct Decision {
    outcome: Outcome,
    /// Which of several limits it is that says so.
    part: u8,
    /// Units to wait for the place, or until the same cost would pass.
    wait: u64,
    spare: Spare,
    /// Units: how long until a whole bucket.
    reset: u64,
    /// What cannot be worked out from the rest, where the rule says it itself.
    said: Option<Said>,
}

#[derive(Clone, Copy)]
struct Said {
    /// Ticks until there is more to have.
    more: Tick,
    /// Ticks in which `spare.limit` comes back.
    window: Tick,
}

/// The wait stands beside it, or else a decision were a word larger.
#[derive(Clone, Copy)]
enum Outcome {
    Admit,
    Queue,
    /// Admitted after the wait.
    Waited,
    Deny,
    /// Denied for the caller's patience, which is too short by the wait.
    TooLong,
    Never,
}

impl Decision {
    /// A decision made elsewhere, by a limiter of your own: of at most `limit`
    /// at once, `remaining` are left, and the bucket is whole after
    /// `reset_after`. A denial passes after `retry_after`, or never.
    ///
    /// Times are rounded up to whole microseconds.
    pub fn new(
        verdict: Verdict,
        limit: Cost,
        remaining: Cost,
        retry_after: Option<Duration>,
        reset_after: Duration,
    ) -> Self {
        let (outcome, wait) = match (verdict, retry_after) {
            (Verdict::Admit, _) => (Outcome::Admit, 0),
            (Verdict::Queue(wait), _) => (Outcome::Queue, ticks_up(wait)),
            (Verdict::Deny, Some(retry)) => (Outcome::Deny, ticks_up(retry)),
            (Verdict::Deny, None) => (Outcome::Never, 0),
        };
        let spare = Spare {
            limit,
            units: remaining,
            token: 1,
            tick: 1,
        };
        let reset = ticks_up(reset_after);
        let more = if remaining < limit { reset } else { 0 };
        Self {
            said: Some(Said { more, window: 0 }),
            ..Self::of(outcome, wait, spare, reset)
        }
    }

    #[inline]
    pub(super) fn admit(spare: Spare, reset: u64) -> Self {
        Self::of(Outcome::Admit, 0, spare, reset)
    }

    #[inline]
    pub(super) fn deny(spare: Spare, retry: u64, reset: u64) -> Self {
        Self::of(Outcome::Deny, retry, spare, reset)
    }

    #[inline]
    pub(super) fn never(spare: Spare, reset: u64) -> Self {
        Self::of(Outcome::Never, 0, spare, reset)
    }

    #[inline]
    fn of(outcome: Outcome, wait: u64, spare: Spare, reset: u64) -> Self {
        Self {
            outcome,
            part: 0,
            wait,
            spare,
            reset,
            said: None,
        }
    }

    /// An admission that has to wait its turn.
    #[inline]
    pub(super) fn queued(self, wait: u64) -> Self {
        Self {
            outcome: Outcome::Queue,
            wait,
            ..self
        }
    }

    /// The same with a wait of so many ticks.
    pub(super) fn waiting(self, ticks: Tick) -> Self {
        self.queued(ticks.saturating_mul(self.spare.tick))
    }

    /// The same as said by one of several limits.
    #[inline]
    pub(super) fn by(self, part: usize) -> Self {
        let part = part as u8;
        Self { part, ..self }
    }

    /// Which of several limits it is that says so: the first unless it was told.
    pub(super) fn part(&self) -> usize {
        self.part.into()
    }

    /// Says itself when there is more, and in which time the limit comes back.
    #[inline]
    pub(super) fn windowed(self, more: Tick, window: Tick) -> Self {
        Self {
            said: Some(Said { more, window }),
            ..self
        }
    }

    /// The same as seen `earlier` ticks before: what was admitted waits.
    pub(super) fn after(self, earlier: Tick) -> Self {
        let units = earlier.saturating_mul(self.spare.tick);
        let outcome = match self.outcome {
            Outcome::Admit => Outcome::Queue,
            other => other,
        };
        let wait = self.wait.saturating_add(units);
        let reset = self.reset.saturating_add(units);
        let said = self.said.map(|said| Said {
            more: said.more.saturating_add(earlier),
            ..said
        });
        Self {
            outcome,
            wait,
            reset,
            said,
            ..self
        }
    }

    /// The same when its wait is over: an admission, and what it says is reckoned
    /// from then.
    pub(super) fn when_due(self) -> Self {
        let Outcome::Queue = self.outcome else {
            return self;
        };
        let ticks = self.ticks(self.wait);
        let reset = self.reset.saturating_sub(self.wait);
        let said = self.said.map(|said| Said {
            more: said.more.saturating_sub(ticks),
            ..said
        });
        let spare = match said {
            Some(_) => self.spare,
            None => self.spare.within(reset),
        };
        Self {
            outcome: Outcome::Waited,
            spare,
            reset,
            said,
            ..self
        }
    }

    /// Whether clients meet this limit before the other: it has less left, or as
    /// much, and is whole later.
    pub(crate) fn is_tighter_than(&self, other: &Self) -> bool {
        let (own, others) = (self.remaining(), other.remaining());
        own < others || own == others && self.reset_after() > other.reset_after()
    }

    /// Refused, because the wait is longer than the caller's patience by `excess`.
    pub(super) fn too_long(self, excess: Tick) -> Self {
        let wait = excess.saturating_mul(self.spare.tick);
        Self {
            outcome: Outcome::TooLong,
            wait,
            ..self
        }
    }

    /// What to do with the request.
    pub fn verdict(&self) -> Verdict {
        match self.outcome {
            Outcome::Admit | Outcome::Waited => Verdict::Admit,
            Outcome::Queue => Verdict::Queue(self.duration(self.wait)),
            Outcome::Deny | Outcome::TooLong | Outcome::Never => Verdict::Deny,
        }
    }

    /// Whether the request passes, at once or after its wait.
    #[inline]
    pub fn is_admitted(&self) -> bool {
        matches!(
            self.outcome,
            Outcome::Admit | Outcome::Queue | Outcome::Waited
        )
    }

    /// Whether the request is refused.
    #[inline]
    pub fn is_denied(&self) -> bool {
        !self.is_admitted()
    }

    /// How long the request has waited before it was admitted, as it was booked;
    /// zero if it has not. After a wait the [verdict](Self::verdict) is an
    /// admission.
    pub fn waited(&self) -> Duration {
        match self.outcome {
            Outcome::Waited => self.duration(self.wait),
            _ => Duration::ZERO,
        }
    }

    /// The largest cost that a whole bucket bears at once.
    pub fn limit(&self) -> Cost {
        self.spare.limit
    }

    /// What could still be taken at once, after this decision.
    pub fn remaining(&self) -> Cost {
        self.spare.remaining()
    }

    /// After how long the same cost passes if nobody else comes, to the
    /// microsecond. `None` if it was not denied, or never can pass because it
    /// is above the [`limit`](Self::limit).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_ticks().map(Duration::from_micros)
    }

    /// After how long the bucket is whole if nobody else comes.
    pub fn reset_after(&self) -> Duration {
        self.duration(self.reset)
    }

    /// After how long there is more to have than [`remaining`](Self::remaining);
    /// zero when the bucket is whole.
    pub fn more_after(&self) -> Duration {
        let more = self.said.map(|said| said.more);
        Duration::from_micros(more.unwrap_or_else(|| self.spare.next_token(self.reset)))
    }

    /// The time in which the whole [`limit`](Self::limit) comes back: the
    /// window, or the burst at the sustained rate. Zero if that is unknown.
    pub fn window(&self) -> Duration {
        let window = self.said.map(|said| said.window);
        Duration::from_micros(window.unwrap_or_else(|| self.spare.window()))
    }

    /// Whether the request waits before it passes, or has waited.
    pub(crate) fn is_of_a_wait(&self) -> bool {
        matches!(self.outcome, Outcome::Queue | Outcome::Waited)
    }

    /// How many ticks an admitted request waits.
    pub(crate) fn wait_ticks(&self) -> Option<Tick> {
        match self.outcome {
            Outcome::Queue => Some(self.ticks(self.wait)),
            _ => None,
        }
    }

    /// How many ticks a denied request waits to pass.
    pub(crate) fn retry_ticks(&self) -> Option<Tick> {
        match self.outcome {
            Outcome::Deny | Outcome::TooLong => Some(self.ticks(self.wait)),
            _ => None,
        }
    }

    /// By how many ticks the caller's patience was too short for a place that
    /// there was.
    pub(crate) fn impatience(&self) -> Option<Tick> {
        match self.outcome {
            Outcome::TooLong => Some(self.ticks(self.wait)),
            _ => None,
        }
    }

    fn ticks(&self, units: u64) -> Tick {
        units.div_ceil(self.spare.tick)
    }

    fn duration(&self, units: u64) -> Duration {
        Duration::from_micros(self.ticks(units))
    }
}

/// Two decisions are equal when they say the same, whatever rule made them.
impl PartialEq for Decision {
    fn eq(&self, other: &Self) -> bool {
        let said = |it: &Self| {
            let times = (it.retry_ticks(), it.reset_after(), it.more_after());
            (it.verdict(), it.limit(), it.remaining(), times)
        };
        said(self) == said(other)
    }
}

impl Eq for Decision {}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("verdict", &self.verdict())
            .field("limit", &self.limit())
            .field("remaining", &self.remaining())
            .field("retry_after", &self.retry_after())
            .field("reset_after", &self.reset_after())
            .finish()
    }
}

fn ticks_up(duration: Duration) -> Tick {
    u64::try_from(duration.as_nanos().div_ceil(1_000)).unwrap_or(Tick::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every decision is written into its place whole.
    #[test]
    fn a_decision_is_ten_words() {
        assert_eq!(size_of::<Decision>(), 80);
    }
}
