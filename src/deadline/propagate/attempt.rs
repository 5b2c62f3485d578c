//! The end of a call that may have several attempts. `client::retry` uses it.
//!
//! A layer inside of the retries tells each attempt's callee what is left of a
//! deadline. A timeout that the request has already, as after a call of tonic's
//! `set_timeout`, counts from the first attempt, so it is shortened for others.

use http::{HeaderMap, Request};
use tokio::time::Instant;

use super::header::{TimeoutHeader, content_type};
use crate::deadline::{Deadline, current, deadline::earlier};

/// The end of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallEnd {
    /// The current deadline, or the one in the request's extensions.
    deadline: Option<Deadline>,
    /// The end of the timeout that the request has already.
    preset: Option<Deadline>,
}

impl CallEnd {
    /// Returns the end of a call that begins now.
    #[inline]
    pub(crate) fn of<B>(req: &Request<B>) -> Self {
        let header = TimeoutHeader::default();
        let preset = header
            .of(content_type(req.headers()))
            .read(req.headers())
            .least;
        Self {
            deadline: earlier(current(), req.extensions().get().copied()),
            preset: preset.map(Deadline::after),
        }
    }

    /// Returns the instant by which the call has to be done, if there is one.
    #[inline]
    pub(crate) fn instant(self) -> Option<Instant> {
        earlier(self.deadline, self.preset).map(|it| it.instant())
    }

    /// Shortens the timeout of a further attempt by the time that has passed.
    pub(crate) fn shorten(self, headers: &mut HeaderMap) {
        let header = TimeoutHeader::default();
        let header = header.of(content_type(headers)).clone();
        if let Some(preset) = self.preset {
            header.write(preset.remaining(), headers);
        }
    }
}
