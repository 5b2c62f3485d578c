//! Why an event is a dead letter.

/// Why an event failed for good. `code` is its name in the database, in
/// responses and in metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// The payment provider refused it, and would do so again.
    Rejected,
    /// It failed, or its process died, too often.
    Attempts,
    /// Its deadline had passed before it was charged.
    Expired,
    /// Its order was cancelled before it was charged.
    Cancelled,
    /// The process died, or the work panicked, while it was charged.
    OutcomeUnknown,
}

impl Reason {
    /// All of them, in the order of their declaration.
    pub(crate) const ALL: [Self; 5] = [
        Self::Rejected,
        Self::Attempts,
        Self::Expired,
        Self::Cancelled,
        Self::OutcomeUnknown,
    ];

    /// Returns the name.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Rejected => "rejected",
            Self::Attempts => "attempts",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::OutcomeUnknown => "outcome-unknown",
        }
    }

    /// Returns the reason with this name.
    pub(crate) fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// Returns whether such a dead letter can be put back. A cancelled order
    /// stays cancelled.
    pub(crate) const fn can_be_put_back(self) -> bool {
        !matches!(self, Self::Cancelled)
    }
}
