//! How a user of the layer overrides the outcome of a request.

use super::default_classify::by_status;
use crate::red::{Cause, Kind, Labels, Outcome, Status};

/// Decides the outcome of a request that was answered, or that failed.
///
/// Any closure implements it. It is given what the layer would decide, and may
/// return another outcome. For example, a lookup that finds nothing may be
/// fine:
///
/// ```
/// use sluicegate::red::{Outcome, RedLayer, Registry, RequestEnd, Status};
///
/// let metrics = Registry::new();
/// let layer = RedLayer::server(&metrics).classify(|end: &RequestEnd<'_>| {
///     match (end.route(), end.status()) {
///         ("/orders/{id}", Some(Status::Http(404))) => Outcome::Ok,
///         _ => end.outcome(),
///     }
/// });
/// # let _ = layer;
/// ```
///
/// It is not asked about requests that were dropped before their response, and
/// not about panics.
pub trait Classify {
    /// Returns the outcome to count.
    fn classify(&self, ended: &RequestEnd<'_>) -> Outcome;
}

/// Keeps the outcome that the layer decides.
impl Classify for () {
    #[inline]
    fn classify(&self, ended: &RequestEnd<'_>) -> Outcome {
        ended.outcome
    }
}

impl<F: Fn(&RequestEnd<'_>) -> Outcome> Classify for F {
    fn classify(&self, ended: &RequestEnd<'_>) -> Outcome {
        self(ended)
    }
}

/// The end of a request: its labels, its status, and the outcome that the layer
/// decides. [`Classify`] sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestEnd<'a> {
    /// The labels of the series that counts the request.
    pub(crate) labels: &'a Labels,
    pub(crate) status: Option<Status>,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Cause,
}

impl<'a> RequestEnd<'a> {
    /// A response with this status.
    pub(crate) fn answered(labels: &'a Labels, status: Status) -> Self {
        Self {
            labels,
            status: Some(status),
            outcome: by_status(labels.kind(), status),
            cause: Cause::Status,
        }
    }

    /// A failure with this cause, instead of a response or in its body.
    pub(crate) fn failed(labels: &'a Labels, status: Option<Status>, cause: Cause) -> Self {
        Self {
            labels,
            status,
            outcome: Outcome::ServerError,
            cause,
        }
    }

    /// Returns the same end, with the outcome of a refusal of this crate if
    /// there was one.
    pub(crate) fn refused(mut self, refused: Option<(Outcome, Cause)>) -> Self {
        if let Some(refused) = refused {
            (self.outcome, self.cause) = refused;
        }
        self
    }

    /// Returns the protocol, and the side that counts.
    pub fn kind(&self) -> Kind {
        self.labels.kind()
    }

    /// Returns the route; see [`Labels::route`].
    pub fn route(&self) -> &'a str {
        self.labels.route()
    }

    /// Returns the method; see [`Labels::method`].
    pub fn method(&self) -> &'a str {
        self.labels.method()
    }

    /// Returns the status of the response, if there was one.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// Returns what ended the request.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the outcome that the layer decides.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}
