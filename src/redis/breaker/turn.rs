//! The turns to probe a server behind an open breaker: when the next probe is
//! due, and which caller or task may make it.
//!
//! A turn has an end, after which another task may take it. A task on a runtime
//! that stands still would otherwise keep the breaker open for ever.
//!
//! A turn is taken in order to wait for the next probe, or in order to probe at
//! once. Its owner extends it at each step. When the owner is late, the next
//! caller takes the turn with a new number, and the old owner finds that out
//! the next time it looks.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// The probes of one breaker. One caller or task at a time has the turn to
/// probe. It loses the turn when it is late, because its runtime may be blocked
/// or stopped.
#[derive(Debug, Default)]
pub(super) struct ProbeSchedule(Mutex<State>);

/// The state of the schedule.
#[derive(Debug, Default)]
struct State {
    /// When the next probe is due, on whichever runtime.
    due: Option<Instant>,
    /// The turn that was taken last.
    last: u64,
    /// When the owner of the turn is late; `None` while the turn is free.
    late: Option<Instant>,
}

/// Identifies a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TurnId(u64);

/// How late a sleeping task may wake up, because of timers and busy machines.
const GRACE: Duration = Duration::from_millis(100);

impl ProbeSchedule {
    /// Makes the next probe due after this pause.
    pub(super) fn rest(&self, pause: Duration) {
        lock(&self.0).due = Some(Instant::now() + pause);
    }

    /// Takes the turn in order to wait until the next probe is due, unless
    /// another task has it.
    pub(super) fn take_to_wait(&self) -> Option<TurnId> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let until = state.due.unwrap_or(now).max(now) + GRACE;
        state.take(now, until)
    }

    /// Takes the turn in order to probe at once, if a probe is due and the turn
    /// is free. The probe takes at most `max_probe_time`.
    pub(super) fn take_if_due(&self, max_probe_time: Duration) -> Option<TurnId> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let late = now + max_probe_time;
        state.is_due(now).then(|| state.take(now, late))?
    }

    /// Whether a caller may take the turn to probe.
    pub(super) fn is_due(&self) -> bool {
        let (state, now) = (lock(&self.0), Instant::now());
        state.is_due(now) && state.is_free(now)
    }

    /// Returns the time until the next probe is due; `None` if the turn was
    /// lost. It is at most `pause`, because the clock of another runtime may be
    /// ahead.
    pub(super) fn time_left(&self, TurnId(turn): TurnId, pause: Duration) -> Option<Duration> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let left = state.due.map(|due| due.saturating_duration_since(now));
        let left = left.unwrap_or_default().min(pause);
        state.extend(turn, now + left + GRACE).then_some(left)
    }

    /// Whether a task that waited still has the turn, and so may probe now.
    pub(super) fn begin(&self, TurnId(turn): TurnId, max_probe_time: Duration) -> bool {
        lock(&self.0).extend(turn, Instant::now() + max_probe_time)
    }

    /// Gives the turn back, unless another task took it.
    pub(super) fn give_back(&self, TurnId(turn): TurnId) {
        let mut state = lock(&self.0);
        if state.last == turn {
            state.late = None;
        }
    }
}

impl State {
    /// Whether a probe is due.
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    /// Whether the turn is free, or its owner is late.
    fn is_free(&self, now: Instant) -> bool {
        self.late.is_none_or(|late| late <= now)
    }

    /// Takes the turn if it is free. Its owner is late at `late`.
    fn take(&mut self, now: Instant, late: Instant) -> Option<TurnId> {
        self.is_free(now).then(|| {
            self.last += 1;
            self.late = Some(late);
            TurnId(self.last)
        })
    }

    /// Moves the time at which this turn is late; returns whether it is the
    /// current one.
    fn extend(&mut self, turn: u64, late: Instant) -> bool {
        let is_current = self.last == turn;
        if is_current {
            self.late = Some(late);
        }
        is_current
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_due_once_in_an_interval_however_many_tasks_wait_for_it() {
        let probing = ProbeSchedule::default();
        probing.rest(SECOND);
        let waiting = probing.take_to_wait().expect("the turn is free");
        assert_eq!(probing.take_to_wait(), None);
        advance(SECOND / 2).await;
        probing.give_back(waiting);
        let waiting = probing.take_to_wait().expect("it was given back");
        assert_eq!(probing.time_left(waiting, SECOND), Some(SECOND / 2));
        assert_eq!(probing.time_left(waiting, SECOND / 4), Some(SECOND / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_late_task_loses_its_turn_to_the_next_one() {
        let probing = ProbeSchedule::default();
        probing.rest(SECOND);
        let late = probing.take_to_wait().expect("the turn is free");
        advance(SECOND).await;
        assert!(!probing.is_due(), "it may come yet");
        advance(GRACE).await;
        assert!(probing.is_due());
        let probes = probing.take_if_due(SECOND).expect("it did not come");
        assert!(!probing.is_due() && probing.take_if_due(SECOND).is_none());
        assert!(!probing.begin(late, SECOND));
        assert_eq!(probing.time_left(late, SECOND), None);
        probing.give_back(late);
        assert!(probing.begin(probes, SECOND));
    }
}
