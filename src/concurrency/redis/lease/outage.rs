//! The choices of an instance without Redis.

use crate::clock::Tick;

/// The choice of permits for an instance without a lease when Redis does not
/// answer.
///
/// Permits that were leased before stay in use until their lease ends.
///
/// | choice | permits of an instance | the fleet, if all have lost Redis |
/// |---|---|---|
/// | [`LocalShare`](Self::LocalShare) (default) | the limit, divided by the number of instances | at most the limit |
/// | [`Closed`](Self::Closed) | none | none |
/// | [`Open`](Self::Open) | the limit | the limit, as many times as there are instances |
///
/// The share begins one lease after Redis was lost, because the leases of the
/// others have ended by then. Until then an instance uses no more of its last
/// lease than that share. If only some of the instances have lost Redis, their
/// shares are added to the permits that the others lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnOutage {
    /// The limit divided by the number of instances, rounded down. That number
    /// is the last that Redis told, which counts the instances of the last 15
    /// seconds. An instance that Redis never told refuses all requests,
    /// because it may be one of many, unless the builder was given a number by
    /// [`instances`](crate::concurrency::RedisBuilder::instances).
    #[default]
    LocalShare,
    /// No permits: all requests are refused.
    Closed,
    /// As many permits as the whole fleet has.
    Open,
}

impl OnOutage {
    /// Returns the permits of one of so many instances; 0 instances if the
    /// number is not known.
    pub(super) fn share(self, limit: u32, instances: u32) -> u32 {
        match self {
            Self::LocalShare => limit.checked_div(instances).unwrap_or(0),
            Self::Closed => 0,
            Self::Open => limit,
        }
    }

    /// Whether instances use permits that no lease gives them, but not more in
    /// all than the limit.
    pub(super) fn is_shared(self) -> bool {
        self == Self::LocalShare
    }

    /// Returns since when the share may be used by an instance whose first call
    /// without an answer failed at `lost`.
    pub(super) fn begins(self, lost: Tick, length: Tick) -> Tick {
        match self {
            Self::LocalShare => lost.saturating_add(length),
            Self::Closed | Self::Open => lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_of_all_instances_are_never_more_than_the_limit() {
        for limit in 0..200 {
            for instances in 1..50 {
                let share = OnOutage::LocalShare.share(limit, instances);
                assert!(share * instances <= limit, "{limit} by {instances}");
            }
        }
    }

    #[test]
    fn an_unknown_number_of_instances_is_never_open() {
        assert_eq!(OnOutage::LocalShare.share(100, 0), 0);
        assert_eq!(OnOutage::Closed.share(100, 1), 0);
        assert_eq!(OnOutage::Open.share(100, 0), 100);
    }
}
