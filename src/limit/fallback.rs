//! What to do when the store does not answer.
//!
//! A limiter in [`Redis`](super::Redis) is not built without saying this: there
//! is no default that one would find out about on a bad day.
//!
//! | policy | a request whose limit cannot be checked |
//! |---|---|
//! | [`FailOpen`] | passes, as if its bucket had never been seen |
//! | [`FailClosed`] | is refused: 503, or status 14, until the next probe of the breaker or a timeout later |
//! | [`OrElse`] | is checked against a limiter of this process |
//!
//! So are requests whose bucket in Redis [cannot be
//! read](super::Redis#unreadable-states).
//!
//! Whichever it is, every such request is counted
//! ([`Redis::counts`](super::Redis::counts), [`Observe::fell_back`]) and logged,
//! ten at once and then one a second at most.
//!
//! [`Observe::fell_back`]: super::Observe::fell_back

use std::{convert::Infallible, fmt, hash::Hash};

use super::{
    all::{Asked, Failure, Held, Hold},
    decision::Decision,
    limiter::Check,
    local::{Keyed, Local, Turn},
    rules::{quota::Cost, rule::Rule},
};
use crate::{
    clock::{Clock, Monotonic},
    redis::Error,
};

/// What to do when the store does not answer: [`FailOpen`], [`FailClosed`] or
/// [`OrElse`].
///
/// Sealed: the three are all there are. For another, take [`FailClosed`] and
/// look at its error.
pub trait Policy: Clone + fmt::Debug + Send + Sync + 'static + sealed::Sealed {
    /// Why there is no decision even so; `Infallible` where there always is one.
    type Error: Failure + Into<Error>;

    /// What has to be kept of a key for the case.
    #[doc(hidden)]
    fn ticket<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        let _ = key;
        0
    }

    /// The decision instead. `unseen` is that of a bucket never seen.
    #[doc(hidden)]
    fn check(
        &self,
        ticket: u64,
        asked: Asked,
        unseen: Decision,
        error: Error,
    ) -> Result<Check<Turn>, Self::Error>;

    /// The same for one of several limits: what is held is given back if another
    /// refuses.
    #[doc(hidden)]
    fn hold(
        &self,
        ticket: u64,
        asked: Asked,
        unseen: Decision,
        error: Error,
    ) -> Result<Held, Self::Error>;

    /// The same for [`check_up_to`](super::Redis::check_up_to).
    #[doc(hidden)]
    fn check_up_to(
        &self,
        ticket: u64,
        cost: Cost,
        unseen: (Cost, Decision),
        error: Error,
    ) -> Result<(Cost, Decision), Self::Error>;
}

mod sealed {
    pub trait Sealed {}
}

/// Lets requests pass while the store does not answer: for limits that are
/// there for fairness, where being up counts for more.
///
/// Each is decided like the first of a bucket never seen, so a cost above the
/// limit is refused even then.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailOpen;

/// Refuses requests while the store does not answer: for limits that protect
/// something, such as logins and payments.
#[derive(Clone, Copy, Debug, Default)]
pub struct FailClosed;

/// Asks a limiter of this process while the store does not answer.
///
/// Each instance then limits for itself, so give it its share: of 600 a minute
/// on six pods, 100 a minute each. The rule may be another one. Requests are not
/// charged there while Redis answers; so when it goes away, each instance begins
/// with a whole bucket, and for a moment up to one share each passes on top.
///
/// ```
/// use sluicegate::limit::{Local, OrElse, Quota, TokenBucket};
///
/// let share = OrElse(Local::keyed(TokenBucket::new(Quota::per_minute(100))));
/// # let _ = share;
/// ```
pub struct OrElse<R: Rule, C = Monotonic>(pub Local<R, Keyed, C>);

impl sealed::Sealed for FailOpen {}
impl sealed::Sealed for FailClosed {}
impl<R: Rule, C: Clock> sealed::Sealed for OrElse<R, C> {}

impl Policy for FailOpen {
    type Error = Infallible;

    fn check(
        &self,
        _ticket: u64,
        _asked: Asked,
        unseen: Decision,
        _error: Error,
    ) -> Result<Check<Turn>, Infallible> {
        Ok(Check::Now(unseen))
    }

    fn hold(
        &self,
        _ticket: u64,
        _asked: Asked,
        unseen: Decision,
        _error: Error,
    ) -> Result<Held, Infallible> {
        Ok(Held {
            decision: unseen,
            hold: Hold::nothing(),
        })
    }

    fn check_up_to(
        &self,
        _ticket: u64,
        _cost: Cost,
        unseen: (Cost, Decision),
        _error: Error,
    ) -> Result<(Cost, Decision), Infallible> {
        Ok(unseen)
    }
}

impl Policy for FailClosed {
    type Error = Error;

    fn check(
        &self,
        _ticket: u64,
        _asked: Asked,
        _unseen: Decision,
        error: Error,
    ) -> Result<Check<Turn>, Error> {
        Err(error)
    }

    fn hold(
        &self,
        _ticket: u64,
        _asked: Asked,
        _unseen: Decision,
        error: Error,
    ) -> Result<Held, Error> {
        Err(error)
    }

    fn check_up_to(
        &self,
        _ticket: u64,
        _cost: Cost,
        _unseen: (Cost, Decision),
        error: Error,
    ) -> Result<(Cost, Decision), Error> {
        Err(error)
    }
}

impl<R: Rule, C: Clock> Policy for OrElse<R, C> {
    type Error = Infallible;

    fn ticket<K: Hash + ?Sized>(&self, key: &K) -> u64 {
        self.0.hash(key)
    }

    fn check(
        &self,
        ticket: u64,
        asked: Asked,
        _unseen: Decision,
        _error: Error,
    ) -> Result<Check<Turn>, Infallible> {
        Ok(self.0.check_hashed(ticket, asked))
    }

    fn hold(
        &self,
        ticket: u64,
        asked: Asked,
        _unseen: Decision,
        _error: Error,
    ) -> Result<Held, Infallible> {
        Ok(self.0.hold_hashed(ticket, asked))
    }

    fn check_up_to(
        &self,
        ticket: u64,
        cost: Cost,
        _unseen: (Cost, Decision),
        _error: Error,
    ) -> Result<(Cost, Decision), Infallible> {
        Ok(self.0.check_up_to_hashed(ticket, cost))
    }
}

impl<R: Rule, C> Clone for OrElse<R, C> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<R: Rule, C: fmt::Debug> fmt::Debug for OrElse<R, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OrElse").field(&self.0).finish()
    }
}
