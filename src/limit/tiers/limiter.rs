//! A limiter for each tier, chosen by the first half of the key.
//!
//! It forwards every method of `Limiter` to the limiter of the tier.

use std::{borrow::Borrow, collections::HashMap, hash::Hash, sync::Arc, time::Duration};

use crate::limit::{
    decision::{Decision, Verdict},
    hold::{HoldError, HoldLimiter, Holding},
    limiter::{Backend, Check, LimitNames, Limiter, Wait},
    others::Others,
    rules::quota::Cost,
};

/// A limiter for each tier: a free and a paid plan behind one layer.
///
/// The key is a pair of the tier, or a reference to it, and the key of the
/// tier's own limiter. Each tier has its own limiter, and so its own buckets: a
/// client that changes its plan begins with a whole bucket. Tiers without a
/// limiter share the default one and its buckets.
///
/// ```
/// use http::Request;
/// use sluicegate::{key, limit::{Local, Quota, RateLimitLayer, Tiers, TokenBucket}};
///
/// #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
/// enum Plan { Free, Paid, Closed }
///
/// let limit = |name, quota| Local::builder(TokenBucket::new(quota)).name(name).keyed();
/// let tiers = Tiers::new(limit("free", Quota::per_minute(10)))
///     .tier(Plan::Paid, limit("paid", Quota::per_minute(1_000)))
///     .blocked(Plan::Closed);
///
/// let plan = |req: &Request<()>| Some(match req.headers().contains_key("x-paid") {
///     true => Plan::Paid,
///     false => Plan::Free,
/// });
/// let layer = RateLimitLayer::new(tiers.clone()).key((key::by(plan), key::header("x-api-key")));
/// # let _ = layer;
///
/// // Or by an extension that an outer layer has put into the request.
/// let key = (key::extension::<Plan>(), key::header("x-api-key"));
/// let layer = RateLimitLayer::new(tiers).key(key);
/// # async fn pass(_: Request<()>) -> Result<http::Response<String>, std::convert::Infallible> {
/// #     Ok(http::Response::default())
/// # }
/// # let _ = tower::ServiceExt::oneshot(tower::Layer::layer(&layer, tower::service_fn(pass)), Request::new(()));
/// ```
///
/// # Blocked tiers
///
/// No request of a [blocked](Self::blocked) tier passes, at any cost: its limit
/// has the name `blocked`, and is 0. Its requests are refused as over the
/// limit, without a `Retry-After`.
#[derive(Clone, Debug)]
pub struct Tiers<T, L> {
    /// The limiter of tiers without one of their own.
    default: L,
    /// `None` for a tier that is blocked.
    tiers: Arc<HashMap<T, Option<L>>>,
    /// The name of the limit of blocked tiers.
    blocked: Arc<str>,
}

impl<T: Eq + Hash + Clone, L: Clone> Tiers<T, L> {
    /// Puts all tiers under one limiter, until more are added.
    pub fn new(default: L) -> Self {
        Self {
            default,
            tiers: Arc::default(),
            blocked: "blocked".into(),
        }
    }

    /// Adds a limiter for one tier. Replaces the one that the tier had.
    #[must_use]
    pub fn tier(self, tier: T, limiter: L) -> Self {
        self.with(tier, Some(limiter))
    }

    /// Refuses all requests of a tier; see [blocked tiers](Self#blocked-tiers).
    #[must_use]
    pub fn blocked(self, tier: T) -> Self {
        self.with(tier, None)
    }

    /// Sets the limiter of a tier; `None` blocks it.
    fn with(mut self, tier: T, limiter: Option<L>) -> Self {
        Arc::make_mut(&mut self.tiers).insert(tier, limiter);
        self
    }
}

impl<T: Eq + Hash, L> Tiers<T, L> {
    /// The limiter of a tier; `None` if it is blocked.
    pub(super) fn of(&self, tier: &T) -> Option<&L> {
        let listed = self.tiers.get(tier).map(Option::as_ref);
        listed.unwrap_or(Some(&self.default))
    }
}

/// The decision about every request of a blocked tier.
pub(super) fn blocked() -> Decision {
    Decision::new(Verdict::Deny, 0, 0, None, Duration::ZERO)
}

/// The answer to every request of a blocked tier.
fn denied<F>() -> Check<F> {
    Check::Now(blocked())
}

impl<T, L: Backend> Backend for Tiers<T, L> {
    type Error = L::Error;
    type Future = L::Future;

    fn label(&self) -> Arc<str> {
        self.default.label()
    }
}

impl<T, Q, K, L> Limiter<(Q, K)> for Tiers<T, L>
where
    T: Eq + Hash,
    Q: Borrow<T>,
    L: Limiter<K>,
{
    fn name(&self, (tier, key): &(Q, K)) -> Arc<str> {
        self.of(tier.borrow())
            .map_or_else(|| self.blocked.clone(), |it| it.name(key))
    }

    fn limit_of(&self, (tier, key): &(Q, K), decision: &Decision) -> Arc<str> {
        self.of(tier.borrow())
            .map_or_else(|| self.blocked.clone(), |it| it.limit_of(key, decision))
    }

    fn names(&self, (tier, key): &(Q, K)) -> LimitNames {
        self.of(tier.borrow())
            .map_or_else(|| LimitNames::one(self.blocked.clone()), |it| it.names(key))
    }

    fn check(&self, (tier, key): &(Q, K), cost: Cost) -> Check<L::Future> {
        self.of(tier.borrow())
            .map_or_else(denied, |it| it.check(key, cost))
    }

    fn until_ready(&self, (tier, key): &(Q, K), cost: Cost, wait: Wait) -> Check<L::Future> {
        self.of(tier.borrow())
            .map_or_else(denied, |it| it.until_ready(key, cost, wait))
    }

    fn until_ready_noting(
        &self,
        (tier, key): &(Q, K),
        cost: Cost,
        wait: Wait,
        others: &mut Others,
    ) -> Check<L::Future> {
        self.of(tier.borrow())
            .map_or_else(denied, |it| it.until_ready_noting(key, cost, wait, others))
    }
}

/// The answer to every hold of a blocked tier.
fn nothing_held<E>() -> Holding<E> {
    Holding::now(Err(HoldError::Denied(blocked())))
}

impl<T, Q, K, L> HoldLimiter<(Q, K)> for Tiers<T, L>
where
    T: Eq + Hash,
    Q: Borrow<T>,
    L: HoldLimiter<K>,
{
    fn hold(&self, (tier, key): &(Q, K), estimate: Cost) -> Holding<L::Error> {
        self.of(tier.borrow())
            .map_or_else(nothing_held, |it| it.hold(key, estimate))
    }

    fn hold_until_ready(
        &self,
        (tier, key): &(Q, K),
        estimate: Cost,
        wait: Wait,
    ) -> Holding<L::Error> {
        self.of(tier.borrow())
            .map_or_else(nothing_held, |it| it.hold_until_ready(key, estimate, wait))
    }

    fn hold_until_ready_noting(
        &self,
        (tier, key): &(Q, K),
        estimate: Cost,
        wait: Wait,
        others: &mut Others,
    ) -> Holding<L::Error> {
        self.of(tier.borrow()).map_or_else(nothing_held, |it| {
            it.hold_until_ready_noting(key, estimate, wait, others)
        })
    }
}
