//! The layer, which a `RateLimitLayer` becomes by saying what requests really
//! cost.

use std::{fmt, sync::Arc};

use tower_layer::Layer;

use super::service::SettledLimit;
use crate::limit::http::admission::LimitAdmission;

/// A [`RateLimitLayer`](crate::limit::RateLimitLayer) whose requests are charged
/// for what they really took; made by its
/// [`settle`](crate::limit::RateLimitLayer::settle) and
/// [`charge_when`](crate::limit::RateLimitLayer::charge_when).
#[must_use]
pub struct SettledLimitLayer<L, K, C, X, A, F> {
    admission: Arc<LimitAdmission<L, K, C, X, A>>,
    actual_cost: Arc<F>,
}

impl<L, K, C, X, A, F> SettledLimitLayer<L, K, C, X, A, F> {
    pub(in crate::limit::http) fn new(
        admission: Arc<LimitAdmission<L, K, C, X, A>>,
        actual_cost: F,
    ) -> Self {
        Self {
            admission,
            actual_cost: Arc::new(actual_cost),
        }
    }
}

impl<S, L, K, C, X, A, F> Layer<S> for SettledLimitLayer<L, K, C, X, A, F> {
    type Service = SettledLimit<S, L, K, C, X, A, F>;

    fn layer(&self, inner: S) -> Self::Service {
        SettledLimit::new(inner, self.admission.clone(), self.actual_cost.clone())
    }
}

impl<L, K, C, X, A, F> Clone for SettledLimitLayer<L, K, C, X, A, F> {
    fn clone(&self) -> Self {
        Self {
            admission: self.admission.clone(),
            actual_cost: self.actual_cost.clone(),
        }
    }
}

impl<L: fmt::Debug, K: fmt::Debug, C, X, A: fmt::Debug, F> fmt::Debug
    for SettledLimitLayer<L, K, C, X, A, F>
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SettledLimitLayer")
            .field("admission", &self.admission)
            .finish_non_exhaustive()
    }
}
