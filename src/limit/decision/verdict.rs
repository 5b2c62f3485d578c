//! The verdicts, and the reasons for a denial.

use std::time::Duration;

/// The ways to treat a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Let it pass: its cost is taken.
    Admit,
    /// Let it pass after this long: its cost is taken, its place is booked. The
    /// caller has to sleep; `until_ready` sleeps itself, and then returns
    /// `Admit`.
    Queue(Duration),
    /// Refuse it: nothing was taken.
    Deny,
}

/// Why a decision is a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// The budget is used up. The same cost passes later.
    OverLimit,
    /// The cost is above the limit, so it never passes.
    NeverFits,
    /// The limit's queue had a place, but its turn comes later than the caller
    /// was ready to wait.
    WaitTooLong,
}
