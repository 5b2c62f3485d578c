//! The key that completions are counted by. Series, snapshots, exporters and
//! the codec of a fleet all tell completions apart by it.

use std::borrow::Cow;

use super::{Cause, Kind, Outcome, Status};

/// How a request ended: requests of one series with equal keys are counted
/// together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct CompletionKey {
    /// The status as a number, 0 without one; see [`Status::number`].
    pub(crate) status: u16,
    /// The outcome, as the classifier decided it.
    pub(crate) outcome: Outcome,
    /// The event that ended the request. Requests with the same status may have
    /// ended for different causes.
    pub(crate) cause: Cause,
    /// Whether the response was a stream, whose duration is not a latency.
    pub(crate) streamed: bool,
}

impl CompletionKey {
    /// Returns the key of a request that ended like this.
    pub(crate) fn new(
        status: Option<Status>,
        outcome: Outcome,
        cause: Cause,
        streamed: bool,
    ) -> Self {
        Self {
            status: Status::number(status),
            outcome,
            cause,
            streamed,
        }
    }

    /// Returns the value of the label `error.type` for requests of this kind;
    /// `None` where the status says enough or the request ended well.
    pub(crate) fn error_type(self, kind: Kind) -> Option<Cow<'static, str>> {
        if let Some(name) = self.cause.as_str() {
            return Some(name.into());
        }
        // A 4xx is the client's error: the server that answers it made none.
        let is_error = self.outcome != Outcome::Ok && kind.is_client();
        let status = Status::numbered(self.status);
        let status = status.filter(|_| is_error || self.outcome.is_failure());
        status.map(|status| status.to_string().into())
    }

    /// Returns the same key without its status, of which there are only a few
    /// dozen. The overflow series counts by these.
    pub(crate) fn without_status(self) -> Self {
        Self { status: 0, ..self }
    }
}
