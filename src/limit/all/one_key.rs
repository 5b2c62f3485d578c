use std::sync::Arc;

use super::limiter::All;
use crate::limit::{
    limiter::{Backend, Check, Limiter, Wait},
    rules::quota::Cost,
};

/// Several limits, each of which is given the same key; made by
/// [`All::one_key`].
#[derive(Clone, Copy, Debug)]
pub struct OneKey<T> {
    pub(super) all: All<T>,
}

impl<T> OneKey<T> {
    /// Takes `cost` from each of the budgets of `key` if it is in all of them; see
    /// [`All::check`].
    ///
    /// # Errors
    ///
    /// As for [`All::check`].
    pub fn check<K: ?Sized>(&self, key: &K, cost: Cost) -> Check<<Self as Backend>::Future>
    where
        Self: Limiter<K>,
    {
        Limiter::check(self, key, cost)
    }

    /// The same, and sleeps where a limit is a queue; see [`All::until_ready`].
    ///
    /// # Errors
    ///
    /// As for [`All::check`].
    pub fn until_ready<K: ?Sized>(
        &self,
        key: &K,
        cost: Cost,
        wait: Wait,
    ) -> Check<<Self as Backend>::Future>
    where
        Self: Limiter<K>,
    {
        Limiter::until_ready(self, key, cost, wait)
    }
}

impl<T> Backend for OneKey<T>
where
    All<T>: Backend,
{
    type Error = <All<T> as Backend>::Error;
    type Future = <All<T> as Backend>::Future;

    fn label(&self) -> Arc<str> {
        self.all.label()
    }
}
