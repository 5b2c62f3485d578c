//! The difference between the old policy and a new one.

use serde::Serialize;

/// The difference between the old policy and a new one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Versus {
    pub(crate) requests: Change,
    pub(crate) keys: Change,
}

/// How many are refused by which of two policies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Change {
    /// Refused by both.
    pub(crate) both: u64,
    /// Refused by the old policy alone.
    pub(crate) only_old: u64,
    /// Refused by the new policy alone.
    pub(crate) only_new: u64,
}

impl Change {
    /// Counts one.
    #[inline]
    pub(super) fn count(&mut self, old: bool, new: bool) {
        self.both += u64::from(old & new);
        self.only_old += u64::from(old & !new);
        self.only_new += u64::from(!old & new);
    }

    fn merge(&mut self, other: Self) {
        self.both += other.both;
        self.only_old += other.only_old;
        self.only_new += other.only_new;
    }
}

impl Versus {
    pub(super) fn merge(&mut self, other: Self) {
        self.requests.merge(other.requests);
        self.keys.merge(other.keys);
    }
}
