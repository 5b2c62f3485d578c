//! The policies that decide when Redis does not answer.
//!
//! [`Redis::new`](super::limiter::Redis::new) requires one, because a default would
//! be noticed only in an outage.

use std::{convert::Infallible, fmt, hash::Hash};

use crate::{
    clock::{Clock, Monotonic},
    limit::{
        all::Failure,
        local::{Keyed, Local},
        reservation::TicketLimiter,
        rules::rule::Rule,
    },
    redis::Error,
};

/// A policy that decides when Redis does not answer: [`FailOpen`],
/// [`FailClosed`] or [`OrElse`].
///
/// | policy | a request whose limit cannot be checked |
/// |---|---|
/// | [`FailOpen`] | passes, as if its bucket had never been seen |
/// | [`FailClosed`] | is refused with 503 or gRPC status 14, and may be retried after the next probe of the breaker, or a timeout later |
/// | [`OrElse`] | is checked against a limiter of this process |
///
/// The same goes for a request whose bucket in Redis [cannot be
/// read](super::Redis#unreadable-states).
///
/// Every such request is counted ([`Redis::counts`](super::Redis::counts),
/// [`Observe::fell_back`](crate::limit::Observe::fell_back)) and logged, ten at once
/// and then at most one a second.
///
/// Sealed: there are these three. For another policy, take [`FailClosed`] and
/// handle its error.
#[expect(
    private_bounds,
    reason = "sealed: users choose a policy and never call it"
)]
pub trait Policy:
    Clone + fmt::Debug + Send + Sync + 'static + Fallback<<Self as Policy>::Error>
{
    /// The error of a check that the policy does not decide; `Infallible` for a
    /// policy that always decides.
    type Error: Failure + Into<Error>;
}

/// How a policy decides.
pub(crate) trait Fallback<E> {
    /// Returns a number that stands for the key, which is gone when the policy
    /// decides.
    fn ticket<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        let _ = key;
        0
    }

    /// Decides instead of Redis, which failed with `error`: by `unseen` as for
    /// a bucket never seen, or by `local` with a limiter of this process.
    ///
    /// # Errors
    ///
    /// With `error`, if the policy refuses.
    fn fall_back<T>(
        &self,
        error: Error,
        unseen: impl FnOnce() -> T,
        local: impl FnOnce(&dyn TicketLimiter) -> T,
    ) -> Result<T, E>;
}

/// Lets requests pass while Redis does not answer: for limits that are there
/// for fairness, where it matters more to be up.
///
/// Each request is decided like the first of a bucket never seen, so a cost
/// above the limit is refused even then.
///
/// ```no_run
/// # fn example(connection: &sluicegate::redis::Connection) {
/// use sluicegate::limit::{FailOpen, Quota, Redis, TokenBucket};
///
/// let rule = TokenBucket::new(Quota::per_second(100));
/// let limiter = Redis::new("search", rule, connection, FailOpen);
/// # let _ = limiter;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FailOpen;

/// Refuses requests while Redis does not answer: for limits that protect
/// something, such as logins and payments.
///
/// ```no_run
/// # fn example(connection: &sluicegate::redis::Connection) {
/// use sluicegate::limit::{FailClosed, Quota, Redis, SlidingLog};
///
/// let rule = SlidingLog::new(Quota::per_minute(5));
/// let limiter = Redis::new("login", rule, connection, FailClosed);
/// # let _ = limiter;
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct FailClosed;

/// Asks a limiter of this process while Redis does not answer.
///
/// Each instance then limits on its own, so give it its share: of 600 a minute
/// on six pods, 100 a minute each. The rule may be another one. While Redis
/// answers, requests are not charged there. So when it goes away, each instance
/// begins with a whole bucket, and for a moment up to one share for each
/// instance passes on top.
///
/// ```
/// use sluicegate::limit::{Local, OrElse, Quota, TokenBucket};
///
/// let share = OrElse(Local::keyed(TokenBucket::new(Quota::per_minute(100))));
/// # let _ = share;
/// ```
#[derive(Clone, Debug)]
pub struct OrElse<R: Rule, C = Monotonic>(pub Local<R, Keyed, C>);

impl Policy for FailOpen {
    type Error = Infallible;
}

impl Fallback<Infallible> for FailOpen {
    fn fall_back<T>(
        &self,
        _error: Error,
        unseen: impl FnOnce() -> T,
        _local: impl FnOnce(&dyn TicketLimiter) -> T,
    ) -> Result<T, Infallible> {
        Ok(unseen())
    }
}

impl Policy for FailClosed {
    type Error = Error;
}

impl Fallback<Error> for FailClosed {
    fn fall_back<T>(
        &self,
        error: Error,
        _unseen: impl FnOnce() -> T,
        _local: impl FnOnce(&dyn TicketLimiter) -> T,
    ) -> Result<T, Error> {
        Err(error)
    }
}

impl<R: Rule, C: Clock> Policy for OrElse<R, C> {
    type Error = Infallible;
}

impl<R: Rule, C: Clock> Fallback<Infallible> for OrElse<R, C> {
    fn ticket<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.0.hash(key)
    }

    fn fall_back<T>(
        &self,
        _error: Error,
        _unseen: impl FnOnce() -> T,
        local: impl FnOnce(&dyn TicketLimiter) -> T,
    ) -> Result<T, Infallible> {
        Ok(local(&self.0))
    }
}
