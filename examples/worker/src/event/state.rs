//! The states of an event.

use super::reason::Reason;

/// The state of an event. `code` is its name in the database and in responses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum State {
    /// It was accepted, or put back, and waits to be taken.
    Received,
    /// A worker holds it.
    Processing,
    /// Its effect is in the books.
    Completed,
    /// It failed or was given back, and waits until it is due again.
    FailedRetry,
    /// It is a dead letter.
    Failed(Reason),
}

impl State {
    /// Returns the name.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Received => "received",
            Self::Processing => "processing",
            Self::Completed => "completed",
            Self::FailedRetry => "failed_retry",
            Self::Failed(_) => "failed",
        }
    }

    /// Returns the state with these names in the database.
    pub(crate) fn from_codes(state: &str, reason: Option<&str>) -> Option<Self> {
        match state {
            "failed" => reason.and_then(Reason::from_code).map(Self::Failed),
            state => [
                Self::Received,
                Self::Processing,
                Self::Completed,
                Self::FailedRetry,
            ]
            .into_iter()
            .find(|known| known.code() == state),
        }
    }

    /// Returns why it is a dead letter, if it is one.
    pub(crate) const fn reason(self) -> Option<Reason> {
        match self {
            Self::Failed(reason) => Some(reason),
            _ => None,
        }
    }

    /// Returns whether the event has still to be done.
    pub(crate) const fn is_pending(self) -> bool {
        matches!(self, Self::Received | Self::Processing | Self::FailedRetry)
    }
}
