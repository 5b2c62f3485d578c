//! Why a request got no permit.

use std::{error::Error, fmt};

/// Why a request got no permit.
///
/// ```
/// use sluicegate::concurrency::Shed;
///
/// for shed in Shed::ALL {
///     println!("{} {shed}", shed.as_str());
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Shed {
    /// All permits are in flight, and the queue has no place for it.
    Full,
    /// All permits that its level may use are in flight. The others are
    /// reserved for more important requests.
    Reserved,
    /// Its rank is below the cut-off.
    CutOff,
    /// It left the queue for a request of higher rank, which took its place or
    /// was refused.
    Outranked,
    /// It has waited in the queue as long as the queue allows.
    TimedOut,
    /// Its turn would have come after its deadline, by the estimate of the
    /// queue.
    TooLate,
    /// Its deadline passed in the queue.
    Expired,
}

impl Shed {
    /// All reasons.
    pub const ALL: [Self; 7] = [
        Self::Full,
        Self::Reserved,
        Self::CutOff,
        Self::Outranked,
        Self::TimedOut,
        Self::TooLate,
        Self::Expired,
    ];

    /// The value of the label `reason` in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Reserved => "reserved",
            Self::CutOff => "cut-off",
            Self::Outranked => "outranked",
            Self::TimedOut => "timed-out",
            Self::TooLate => "too-late",
            Self::Expired => "expired",
        }
    }

    /// Returns whether the deadline of the request is the reason, rather than
    /// the limit. Such a request is not refused in favour of another.
    pub const fn is_of_deadline(self) -> bool {
        matches!(self, Self::TooLate | Self::Expired)
    }
}

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "all permits are in flight",
            Self::Reserved => "the free permits are reserved for more important requests",
            Self::CutOff => "the rank is below the cut-off",
            Self::Outranked => "a request of higher rank took the place in the queue",
            Self::TimedOut => "no permit was free within the longest wait",
            Self::TooLate => "no permit is expected before the deadline",
            Self::Expired => "the deadline passed before a permit was free",
        })
    }
}

impl Error for Shed {}
