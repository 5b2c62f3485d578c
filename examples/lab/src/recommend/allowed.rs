//! How much a limit may refuse of one trace.

use super::{share::Share, trace::Trace};

/// How much a limit may refuse: so many keys, and so many requests. `None` is
/// without a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    pub(super) keys: Option<u64>,
    pub(super) requests: Option<u64>,
}

/// How much a limit refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) keys: u64,
    pub(super) requests: u64,
}

impl Allowed {
    /// Without any bound.
    pub(super) const ALL: Self = Self {
        keys: None,
        requests: None,
    };

    /// Returns these shares of a trace.
    pub(super) fn of(trace: &Trace, keys: Option<Share>, requests: Option<Share>) -> Self {
        Self {
            keys: keys.map(|share| share.of(trace.keys())),
            requests: requests.map(|share| share.of(trace.requests())),
        }
    }

    /// Whether no more is refused than allowed.
    #[inline]
    pub(super) fn holds(&self, refused: &Refused) -> bool {
        self.keys.is_none_or(|keys| refused.keys <= keys)
            && self
                .requests
                .is_none_or(|requests| refused.requests <= requests)
    }
}
