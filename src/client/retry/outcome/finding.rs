//! The findings about a result.

use std::time::Duration;

use crate::{
    client::retry::observe::Stop,
    refusal::{Reason, Refusal},
};

/// How far a call that has failed may have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Progress {
    /// It never left the client.
    NotSent,
    /// The server's transport says that the service has not seen it.
    NotProcessed,
    /// The service may have processed it.
    Unknown,
}

/// When the server wants the call again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client::retry) enum Delay {
    /// As in a pushback: exactly then, and the backoff begins anew.
    Exactly(Duration),
    /// Not sooner. Zero leaves it to the backoff.
    AtLeast(Duration),
    Never,
    /// It does not say.
    Unsaid,
}

/// The finding about a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::client::retry) enum Finding {
    /// It is the answer, good or bad.
    Answer,
    /// It is a failure after which the call may succeed.
    Failure { progress: Progress, delay: Delay },
    /// It is not to be repeated.
    Final(Stop),
}

impl Finding {
    /// Returns the finding about a failure, without advice from the server.
    pub(in crate::client::retry) fn failure(progress: Progress) -> Self {
        let delay = Delay::Unsaid;
        Self::Failure { progress, delay }
    }

    /// Returns the finding about a refusal by a layer of this process. The end
    /// of a time for one attempt, such as `call_max` of a layer for deadlines,
    /// is a failure like any other.
    pub(super) fn of_refusal(refusal: &Refusal) -> Self {
        let is_deadline = refusal.reason() == Reason::DeadlineExceeded;
        match is_deadline && refusal.is_own_bound() {
            true => Self::failure(Progress::Unknown),
            false => Self::Final(Stop::Refused),
        }
    }
}
