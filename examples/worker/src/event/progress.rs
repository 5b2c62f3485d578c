//! The rule of an event: which step leads from which state to which. `store` writes
//! what it decides, on condition that the row is still as the decision assumed. Where
//! SQL changes many rows at once, `store::tests` compares it with this.

use super::{reason::Reason, state::State};

/// How far an event has come. All instants are milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Progress {
    /// The state.
    pub(crate) state: State,
    /// How often work on it was begun in this round.
    pub(crate) attempts: u32,
    /// How often it was taken at all. The number of the last taking is the
    /// fencing token of its holder.
    pub(crate) takes: u32,
    /// How often it was put back.
    pub(crate) round: u32,
    /// When it may be taken.
    pub(crate) due: i64,
}

/// A step of an event. `hold` is the number of its taking.
///
/// Steps that SQL does in one statement are not called outside of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Step {
    /// A worker takes it, and holds it until another may take it.
    #[cfg_attr(not(test), expect(dead_code, reason = "`Store::take` is SQL"))]
    Take { now: i64, until: i64 },
    /// The effect is in the books, in the same transaction.
    Complete { hold: u32 },
    /// The attempt failed. If no further one is allowed, it becomes a dead letter with
    /// the reason `last`.
    Retry {
        hold: u32,
        due: i64,
        allowed: u32,
        last: Reason,
    },
    /// The attempt was not begun, and does not count.
    GiveBack { hold: u32, due: i64 },
    /// It can never be done.
    Bury { hold: u32, reason: Reason },
    /// Its order was cancelled while no worker held it.
    #[cfg_attr(not(test), expect(dead_code, reason = "`Store::cancel` is SQL"))]
    Cancel,
    /// An operator lets a dead letter be tried again.
    #[cfg_attr(not(test), expect(dead_code, reason = "`Store::put_back` is SQL"))]
    PutBack { now: i64 },
}

/// The event is not in a state from which the step leads, or another worker
/// holds it by now. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stale;

impl Progress {
    /// Returns the progress of an event that was accepted at this time.
    pub(crate) const fn accepted(now: i64) -> Self {
        Self {
            state: State::Received,
            attempts: 0,
            takes: 0,
            round: 0,
            due: now,
        }
    }

    /// Returns the progress after this step.
    pub(crate) fn step(self, step: Step) -> Result<Self, Stale> {
        match step {
            Step::Take { now, until } => self.take(now, until),
            Step::Complete { hold } => self.held_by(hold)?.become_state(State::Completed),
            Step::Retry {
                hold,
                due,
                allowed,
                last,
            } => match self.attempts >= allowed {
                true => self.held_by(hold)?.become_state(State::Failed(last)),
                false => self.held_by(hold)?.retry(due),
            },
            Step::GiveBack { hold, due } => self.held_by(hold)?.give_back(due),
            Step::Bury { hold, reason } => self.held_by(hold)?.become_state(State::Failed(reason)),
            Step::Cancel => self.cancel(),
            Step::PutBack { now } => self.put_back(now),
        }
    }

    /// A worker that holds an event too long loses it here, as one that died.
    fn take(self, now: i64, until: i64) -> Result<Self, Stale> {
        match self.state.is_pending() && self.due <= now {
            true => Ok(Self {
                state: State::Processing,
                attempts: self.attempts + 1,
                takes: self.takes + 1,
                due: until,
                ..self
            }),
            false => Err(Stale),
        }
    }

    fn held_by(self, hold: u32) -> Result<Self, Stale> {
        match self.state == State::Processing && self.takes == hold {
            true => Ok(self),
            false => Err(Stale),
        }
    }

    fn become_state(self, state: State) -> Result<Self, Stale> {
        Ok(Self { state, ..self })
    }

    fn retry(self, due: i64) -> Result<Self, Stale> {
        Self { due, ..self }.become_state(State::FailedRetry)
    }

    fn give_back(self, due: i64) -> Result<Self, Stale> {
        let attempts = self.attempts - 1;
        let given = Self {
            attempts,
            due,
            ..self
        };
        given.become_state(State::FailedRetry)
    }

    fn cancel(self) -> Result<Self, Stale> {
        match self.state {
            State::Received | State::FailedRetry => {
                self.become_state(State::Failed(Reason::Cancelled))
            }
            _ => Err(Stale),
        }
    }

    /// Begins a new round, in which the work has a new name: the old one may
    /// have an outcome that is unknown.
    fn put_back(self, now: i64) -> Result<Self, Stale> {
        match self.state {
            State::Failed(reason) if reason.can_be_put_back() => Ok(Self {
                state: State::Received,
                attempts: 0,
                round: self.round + 1,
                due: now,
                ..self
            }),
            _ => Err(Stale),
        }
    }
}
