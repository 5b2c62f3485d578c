//! How much of a response a deadline bounds.

use std::time::Duration;

use http::{StatusCode, response::Parts};

use crate::content::is_event_stream;

/// How much of a response a deadline bounds.
///
/// ```
/// use std::time::Duration;
/// use http::response::Parts;
/// use sluicegate::deadline::{Coverage, EnforceDeadlineLayer};
///
/// let layer = EnforceDeadlineLayer::new()
///     .default_timeout(Duration::from_secs(10))
///     .covers(|head: &Parts| match head.headers.get("content-type") {
///         Some(it) if it == "application/x-ndjson" => Coverage::frames(Duration::from_secs(30)),
///         _ => Coverage::usual(head),
///     });
/// # let _ = layer;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Coverage(pub(super) Extent);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Extent {
    Whole,
    Head,
    Frames(Duration),
}

impl Coverage {
    /// The head and the whole body.
    pub const fn whole() -> Self {
        Self(Extent::Whole)
    }

    /// The head alone. After it neither the request's
    /// [`cancellation`](super::cancellation) nor its [`current`](super::current)
    /// deadline ends by the deadline, and there is no current one for the body.
    pub const fn head() -> Self {
        Self(Extent::Head)
    }

    /// The head, and from then on each frame: the body ends if so much time passes
    /// without one, also if its client takes none. The current deadline for the body
    /// is that of the next frame.
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

    /// The default: `text/event-stream` and upgrades (status 101) by their
    /// [head](Self::head), all else as a [whole](Self::whole), gRPC streams too.
    pub fn usual(head: &Parts) -> Self {
        let lasts = head.status == StatusCode::SWITCHING_PROTOCOLS;
        match lasts || is_event_stream(&head.headers) {
            true => Self::head(),
            false => Self::whole(),
        }
    }
}

/// Chooses how much of a response a deadline bounds: a [`Coverage`] for all, or a
/// closure that looks at the response's head.
pub trait Covers {
    /// How much of the response with this head.
    fn coverage(&self, head: &Parts) -> Coverage;
}

impl Covers for Coverage {
    fn coverage(&self, _head: &Parts) -> Coverage {
        *self
    }
}

impl<F: Fn(&Parts) -> Coverage> Covers for F {
    fn coverage(&self, head: &Parts) -> Coverage {
        self(head)
    }
}
