//! The time that a body has after its head. `expiring_body` keeps to it.

use std::time::Duration;

use tokio::time::Instant;

use crate::deadline::{Deadline, coverage::Extent};

/// How long the server may take to ask for the frames of a body of known size
/// after the deadline. Such a body goes out whole if its frames are there.
pub(super) const LINGER: Duration = Duration::from_secs(30);

/// The time that a body has, as a whole or for its next frame.
#[derive(Clone, Copy)]
pub(crate) struct BodyDeadline {
    /// The end of the body, or of the wait for its next frame.
    pub(super) until: Instant,
    /// The time for each frame, if the time begins anew with each.
    pub(super) between: Option<Duration>,
    /// Whether the caller chose the deadline.
    pub(super) is_callers: bool,
}

impl BodyDeadline {
    /// Returns the time of a body after its head; `None` if the deadline does
    /// not bound it.
    pub(crate) fn of(extent: Extent, deadline: Deadline, is_callers: bool) -> Option<Self> {
        let (until, between, is_callers) = match extent {
            Extent::Whole => (deadline, None, is_callers),
            Extent::Head => return None,
            // The time between frames is the server's own choice.
            Extent::Frames(between) => (Deadline::after(between), Some(between), false),
        };
        Some(Self {
            until: until.instant(),
            between,
            is_callers,
        })
    }

    /// Returns whether the time is over by now.
    pub(super) fn has_passed(&self) -> bool {
        self.until <= Instant::now()
    }

    /// Returns when the body is dropped if the server does not poll it.
    pub(super) fn drop_at(&self, is_sized: bool) -> Instant {
        let lingers = self.until.checked_add(LINGER).filter(|_| is_sized);
        lingers.unwrap_or(self.until)
    }
}
