//! The settings of a lease, and the use of a limit.

use super::outage::OnOutage;
use crate::clock::Tick;

/// The instants of a lease, as parts of its length.
#[derive(Clone, Copy, Debug)]
pub(in crate::concurrency::redis) struct LeaseTerms {
    /// How long a lease lasts by the server's clock, from when it was granted.
    pub(in crate::concurrency::redis) length: Tick,
    /// How long before its end, by our clock, it admits no more requests.
    pub(in crate::concurrency::redis) margin: Tick,
    /// The largest batch, and so the most permits that are asked for.
    pub(in crate::concurrency::redis) most: u32,
    pub(in crate::concurrency::redis) on_outage: OnOutage,
}

impl LeaseTerms {
    /// The time from a grant to its renewal: two renewals may fail.
    pub(super) fn renewal(&self) -> Tick {
        self.length / 3
    }

    /// The time between two looks at the demand.
    pub(super) fn review(&self) -> Tick {
        self.length / 8
    }

    /// The time between two looks while others lack permits, and from a call
    /// that failed or got too few permits to the next.
    pub(super) fn short_review(&self) -> Tick {
        self.length / 20
    }
}

/// The use of a limit at one instant.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::concurrency::redis) struct LoadSample {
    /// How many requests are under way.
    pub(in crate::concurrency::redis) in_use: u32,
    /// How many were at once, at most, since the load was last taken.
    pub(in crate::concurrency::redis) peak: u32,
    /// How many requests found no permit since then, or wait for one.
    pub(in crate::concurrency::redis) missing: u32,
}
