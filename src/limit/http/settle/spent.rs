//! A counter that a handler adds to while it works.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use crate::limit::rules::quota::Cost;

/// A counter of what a request has spent, for its handler.
///
/// The layer puts one among the extensions of each *request* that it holds an
/// estimate for. A handler clones it into the stream that it returns, and adds
/// to it until the body ends; [`End::spent`](super::End::spent) has the total.
/// Later additions have no effect.
///
/// The extensions of a response are not read, because a response that was
/// passed on from another service could carry that of a stranger.
///
/// ```
/// use axum::{Extension, body::Body};
/// use futures_util::{StreamExt, stream};
/// use sluicegate::limit::Spent;
///
/// async fn complete(Extension(spent): Extension<Spent>) -> Body {
///     let words = stream::iter(["to ", "be ", "or ", "not "]);
///     Body::from_stream(words.map(move |word| {
///         spent.add(1);
///         Ok::<_, std::io::Error>(word)
///     }))
/// }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Spent(Arc<AtomicU64>);

impl Spent {
    /// Adds to the total, which stops at the largest [`Cost`].
    pub fn add(&self, cost: Cost) {
        let sum = |total: u64| Some(total.saturating_add(cost));
        let _ = self.0.fetch_update(Relaxed, Relaxed, sum);
    }

    /// Returns the total so far.
    pub fn total(&self) -> Cost {
        self.0.load(Relaxed)
    }
}
