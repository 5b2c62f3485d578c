//! How much of a response a deadline bounds. Both layers choose by it.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, response::Parts};

use crate::content::is_event_stream;

/// How much of a response a deadline bounds.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::deadline::{Coverage, EnforceDeadlineLayer};
///
/// let layer = EnforceDeadlineLayer::new()
///     .default_timeout(Duration::from_secs(10))
///     .covers(|head| match head.headers.get("content-type") {
///         Some(it) if it == "application/x-ndjson" => Coverage::frames(Duration::from_secs(30)),
///         _ => Coverage::usual(head),
///     });
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coverage(pub(super) Extent);

/// The variants of a [`Coverage`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Extent {
    Whole,
    Head,
    /// The head, and this long for each frame.
    Frames(Duration),
}

/// Chooses the coverage of a response by its head; `None` for
/// [`Coverage::usual`].
pub(super) type ChooseCoverage = Option<Arc<dyn Fn(&Parts) -> Coverage + Send + Sync>>;

impl Coverage {
    /// Bounds the head and the whole body.
    pub const fn whole() -> Self {
        Self(Extent::Whole)
    }

    /// Bounds the head alone.
    ///
    /// After it, the deadline neither fires the request's
    /// [`cancellation`](super::cancellation) nor is its
    /// [`current`](super::current) one, and the body has none.
    pub const fn head() -> Self {
        Self(Extent::Head)
    }

    /// Bounds the head, and then the time between frames.
    ///
    /// The body ends if this much time passes without a frame, also if the
    /// client takes none. The current deadline for the body is that of its next
    /// frame.
    ///
    /// # Panics
    ///
    /// If the time is 0.
    #[track_caller]
    pub const fn frames(between: Duration) -> Self {
        assert!(
            !between.is_zero(),
            "invalid frames 0ns: must be more than 0"
        );
        Self(Extent::Frames(between))
    }

    /// Returns the default: the [head](Self::head) for `text/event-stream` and
    /// upgrades (status 101), and the [whole](Self::whole) response for all
    /// others, gRPC streams included.
    pub fn usual(head: &Parts) -> Self {
        let lasts = head.status == StatusCode::SWITCHING_PROTOCOLS;
        match lasts || is_event_stream(&head.headers) {
            true => Self::head(),
            false => Self::whole(),
        }
    }

    /// Returns what `choose` says about the response with this head.
    #[inline]
    pub(super) fn chosen(choose: &ChooseCoverage, head: &Parts) -> Extent {
        let coverage = match choose {
            Some(choose) => choose(head),
            None => Self::usual(head),
        };
        coverage.0
    }
}
