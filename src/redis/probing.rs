//! Whose turn it is to probe, and when.

use std::time::Duration;

use tokio::time::Instant;

use crate::sync::{Mutex, lock};

/// The probes of one breaker. One caller or task at a time has the turn to probe,
/// and loses it when it is late: its runtime may be blocked, or stand still.
#[derive(Debug, Default)]
pub(super) struct Probing(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// When the next probe is due, whichever runtime makes it.
    due: Option<Instant>,
    /// The turn that was taken last.
    last: u64,
    /// When who has the turn is late; `None` while nobody has it.
    late: Option<Instant>,
}

/// A turn, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number(u64);

/// How late a task may be that sleeps, for timers and busy machines.
const GRACE: Duration = Duration::from_millis(100);

impl Probing {
    /// The next probe is due after this pause.
    pub(super) fn rest(&self, pause: Duration) {
        lock(&self.0).due = Some(Instant::now() + pause);
    }

    /// Takes the turn to wait until the next probe is due, unless another waits.
    pub(super) fn take_to_wait(&self) -> Option<Number> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let until = state.due.unwrap_or(now).max(now) + GRACE;
        state.take(now, until)
    }

    /// Takes the turn to probe at once, if a probe is due and nobody makes it.
    pub(super) fn take_if_due(&self, longest: Duration) -> Option<Number> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        state.is_due(now).then(|| state.take(now, now + longest))?
    }

    /// Whether a caller may take the turn to probe.
    pub(super) fn is_due(&self) -> bool {
        let (state, now) = (lock(&self.0), Instant::now());
        state.is_due(now) && state.is_free(now)
    }

    /// How long it is until the next probe is due; `None` if the turn was lost. No
    /// longer than this pause, for the clock of another runtime may be ahead.
    pub(super) fn left(&self, Number(turn): Number, pause: Duration) -> Option<Duration> {
        let mut state = lock(&self.0);
        let now = Instant::now();
        let left = state.due.map(|due| due.saturating_duration_since(now));
        let left = left.unwrap_or_default().min(pause);
        state.extend(turn, now + left + GRACE).then_some(left)
    }

    /// Whether who waited may probe now, which takes this long at most; the next
    /// probe is due after this pause.
    pub(super) fn begin(&self, Number(turn): Number, longest: Duration) -> bool {
        lock(&self.0).extend(turn, Instant::now() + longest)
    }

    /// Gives the turn back, unless another took it.
    pub(super) fn give_back(&self, Number(turn): Number) {
        let mut state = lock(&self.0);
        if state.last == turn {
            state.late = None;
        }
    }
}

impl State {
    fn is_due(&self, now: Instant) -> bool {
        self.due.is_none_or(|due| due <= now)
    }

    fn is_free(&self, now: Instant) -> bool {
        self.late.is_none_or(|late| late <= now)
    }

    fn take(&mut self, now: Instant, late: Instant) -> Option<Number> {
        self.is_free(now).then(|| {
            self.last += 1;
            self.late = Some(late);
            Number(self.last)
        })
    }

    fn extend(&mut self, turn: u64, late: Instant) -> bool {
        let is_mine = self.last == turn;
        if is_mine {
            self.late = Some(late);
        }
        is_mine
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_probe_is_due_once_in_an_interval_however_many_wait_for_it() {
        let probing = Probing::default();
        probing.rest(SECOND);
        let waiting = probing.take_to_wait().expect("nobody waits yet");
        assert_eq!(probing.take_to_wait(), None);
        advance(SECOND / 2).await;
        probing.give_back(waiting);
        let waiting = probing.take_to_wait().expect("it was given back");
        assert_eq!(probing.left(waiting, SECOND), Some(SECOND / 2));
        assert_eq!(probing.left(waiting, SECOND / 4), Some(SECOND / 4));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_late_loses_the_turn_to_who_comes() {
        let probing = Probing::default();
        probing.rest(SECOND);
        let late = probing.take_to_wait().expect("nobody waits yet");
        advance(SECOND).await;
        assert!(!probing.is_due(), "it may come yet");
        advance(GRACE).await;
        assert!(probing.is_due());
        let probes = probing.take_if_due(SECOND).expect("it did not come");
        assert!(!probing.is_due() && probing.take_if_due(SECOND).is_none());
        assert!(!probing.begin(late, SECOND));
        assert_eq!(probing.left(late, SECOND), None);
        probing.give_back(late);
        assert!(probing.begin(probes, SECOND));
    }
}
