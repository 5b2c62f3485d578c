//! The lanes of a connection: which part of the crate a call belongs to.
//!
//! A lane is a way to keep apart what may share a server: a store with records
//! of a megabyte would otherwise delay the checks of limits, and its timeouts
//! would open their breaker.

use std::fmt;

/// The part of this crate that a call belongs to.
///
/// Each lane has its own connections, breakers and
/// [statistics](super::LaneStats). A large record therefore delays no limit,
/// and failures on one lane do not stop calls on another.
///
/// | lane | calls of |
/// |---|---|
/// | `Limits` | limiters of rates and of concurrency, and budgets of retries |
/// | `Records`, `LargeRecords` | stores of idempotency records |
/// | `Counts` | fleets of RED metrics |
/// | `Deadlines` | registries of deadlines |
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Lane {
    /// The checks of [limiters](crate::limit::Redis), and the leases of [limits of
    /// concurrency](crate::concurrency::Redis).
    Limits,
    /// Claims, renewals and completions of idempotent work.
    Records,
    /// Records of idempotent work that are larger than 16 KiB. A call with one
    /// may take the connection's timeout, and the same again for each 64 KiB of
    /// it and of the records under way before it.
    LargeRecords,
    /// The counts of [RED metrics](crate::red::Redis).
    Counts,
    /// The [registry of deadlines](crate::deadline::registry).
    Deadlines,
}

/// All lanes, in the order of their discriminants.
pub(crate) const LANES: [Lane; 5] = [
    Lane::Limits,
    Lane::Records,
    Lane::LargeRecords,
    Lane::Counts,
    Lane::Deadlines,
];

impl Lane {
    /// Returns the name of the lane in metrics and logs.
    ///
    /// ```
    /// use sluicegate::redis::Lane;
    ///
    /// assert_eq!(Lane::LargeRecords.name(), "large_records");
    /// ```
    pub fn name(self) -> &'static str {
        match self {
            Self::Limits => "limits",
            Self::Records => "records",
            Self::LargeRecords => "large_records",
            Self::Counts => "counts",
            Self::Deadlines => "deadlines",
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
