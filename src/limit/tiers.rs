use std::{collections::HashMap, fmt, hash::Hash, sync::Arc};

use super::{
    decision::Decision,
    limiter::{Backend, Check, Limiter, Names, Patience},
    quota::Cost,
};

/// A limiter for each tier: a free and a paid plan behind one layer.
///
/// The key is a pair of the tier and whatever the tier's own limiter goes by.
/// Each tier has a limiter, and so buckets, of its own: a client that changes
/// its plan begins with a whole bucket there. Tiers that are not listed share the
/// default and its buckets.
///
/// ```
/// use http::Request;
/// use sluicegate::{key, limit::{Local, Quota, RateLimitLayer, Tiers, TokenBucket}};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
/// enum Plan { Free, Paid }
///
/// let limit = |name, quota| Local::builder(TokenBucket::new(quota)).name(name).keyed();
/// let tiers = Tiers::new(limit("free", Quota::per_minute(10)))
///     .tier(Plan::Paid, limit("paid", Quota::per_minute(1_000)));
///
/// let plan = |req: &Request<()>| Some(match req.headers().contains_key("x-paid") {
///     true => Plan::Paid,
///     false => Plan::Free,
/// });
/// let layer = RateLimitLayer::new(tiers).key((key::by(plan), key::header("x-api-key")));
/// # let _ = layer;
/// ```
pub struct Tiers<T, L> {
    default: L,
    tiers: Arc<HashMap<T, L>>,
}

impl<T: Eq + Hash + Clone, L: Clone> Tiers<T, L> {
    /// All tiers under one limiter, until more are added.
    pub fn new(default: L) -> Self {
        Self {
            default,
            tiers: Arc::default(),
        }
    }

    /// A limiter for one tier.
    #[must_use]
    pub fn tier(mut self, tier: T, limiter: L) -> Self {
        Arc::make_mut(&mut self.tiers).insert(tier, limiter);
        self
    }
}

impl<T: Eq + Hash, L> Tiers<T, L> {
    pub(super) fn of(&self, tier: &T) -> &L {
        self.tiers.get(tier).unwrap_or(&self.default)
    }
}

impl<T, L: Backend> Backend for Tiers<T, L> {
    type Error = L::Error;
    type Future = L::Future;
}

impl<T: Eq + Hash, K, L: Limiter<K>> Limiter<(T, K)> for Tiers<T, L> {
    fn name(&self, (tier, key): &(T, K)) -> &Arc<str> {
        self.of(tier).name(key)
    }

    fn speaker<'a>(&'a self, (tier, key): &'a (T, K), decision: &Decision) -> &'a Arc<str> {
        self.of(tier).speaker(key, decision)
    }

    fn names(&self, (tier, key): &(T, K)) -> Names {
        self.of(tier).names(key)
    }

    fn check(&self, (tier, key): &(T, K), cost: Cost) -> Check<L::Future> {
        self.of(tier).check(key, cost)
    }

    fn until_ready(
        &self,
        (tier, key): &(T, K),
        cost: Cost,
        patience: Patience,
    ) -> Check<L::Future> {
        self.of(tier).until_ready(key, cost, patience)
    }
}

impl<T, L: Clone> Clone for Tiers<T, L> {
    fn clone(&self) -> Self {
        Self {
            default: self.default.clone(),
            tiers: self.tiers.clone(),
        }
    }
}

impl<T: fmt::Debug, L: fmt::Debug> fmt::Debug for Tiers<T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tiers")
            .field("default", &self.default)
            .field("tiers", &self.tiers)
            .finish()
    }
}
