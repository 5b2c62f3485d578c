//! The cohort of a request: that of its principal, or one after the other.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
};

use http::Request;

use crate::{
    concurrency::priority::{cohorts::Cohorts, rank::Rank},
    key::{Key, StoreKey},
};

/// Finds the cohort of a request. Implemented by the sources that
/// [`Priority`](super::Priority) makes.
///
/// It is public only because it is a bound of public types.
pub trait FindCohort<Req> {
    /// Returns the cohort, which is below 128.
    fn cohort(&self, req: &Req) -> u8;
}

/// Spreads requests over the cohorts one after the other, without regard to their
/// principals.
#[derive(Clone, Default)]
pub struct EvenlySpread {
    next: Arc<AtomicU32>,
}

impl<Req> FindCohort<Req> for EvenlySpread {
    fn cohort(&self, _req: &Req) -> u8 {
        // The fractions of the golden ratio: any run of requests is spread
        // evenly, also one of every second request.
        const GOLDEN: u32 = 0x9E37_79B9;
        let next = self.next.fetch_add(GOLDEN, Relaxed);
        (next >> (u32::BITS - Rank::COHORTS.ilog2())) as u8
    }
}

impl fmt::Debug for EvenlySpread {
    debug_opaque!(EvenlySpread);
}

/// Finds the cohort of the principal that a key reads; made by
/// [`Priority::principal`](super::Priority::principal).
#[derive(Clone, Debug)]
pub struct ByPrincipal<K> {
    pub(super) key: K,
    pub(super) cohorts: Cohorts,
}

impl<B, K> FindCohort<Request<B>> for ByPrincipal<K>
where
    B: 'static,
    K: Key<Request<B>> + 'static,
    for<'a> K::Key<'a>: StoreKey,
{
    fn cohort(&self, req: &Request<B>) -> u8 {
        match self.key.key(req) {
            Some(principal) => self.cohorts.of(&principal),
            // The first to be shed, so that a client gains nothing by hiding its name.
            None => Rank::COHORTS - 1,
        }
    }
}
