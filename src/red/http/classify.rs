//! Saying otherwise what came of a request.

use super::default_classify::by_status;
use crate::red::{
    labels::{Kind, Labels},
    outcome::{Cause, Outcome},
    status::Status,
};

/// Says what came of a request that was answered, or that failed.
///
/// A closure does, which is shown what the layer takes it for. Where a look-up
/// that finds nothing is no mistake of anybody's:
///
/// ```
/// use sluicegate::red::{RequestEnd, Outcome, RedLayer, Registry, Status};
///
/// let metrics = Registry::new();
/// let layer = RedLayer::server(&metrics).classify(|ended: &RequestEnd<'_>| {
///     match (ended.route(), ended.status()) {
///         ("/orders/{id}", Some(Status::Http(404))) => Outcome::Ok,
///         _ => ended.outcome(),
///     }
/// });
/// # let _ = layer;
/// ```
pub trait Classify {
    /// What came of it.
    fn classify(&self, ended: &RequestEnd<'_>) -> Outcome;
}

/// What the layer takes it for.
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

/// A request that was answered, or that failed.
#[derive(Clone, Copy, Debug)]
pub struct RequestEnd<'a> {
    pub(crate) labels: &'a Labels,
    pub(crate) status: Option<Status>,
    pub(crate) outcome: Outcome,
    pub(crate) cause: Cause,
}

impl<'a> RequestEnd<'a> {
    /// An answer of this status.
    pub(crate) fn answered(labels: &'a Labels, status: Status) -> Self {
        Self {
            labels,
            status: Some(status),
            outcome: by_status(labels.kind(), status),
            cause: Cause::Status,
        }
    }

    /// It failed for this cause.
    pub(crate) fn failed(labels: &'a Labels, status: Option<Status>, cause: Cause) -> Self {
        Self {
            labels,
            status,
            outcome: Outcome::ServerError,
            cause,
        }
    }

    /// The same, if this crate refused it as this.
    pub(crate) fn refused(mut self, refused: Option<(Outcome, Cause)>) -> Self {
        if let Some(refused) = refused {
            (self.outcome, self.cause) = refused;
        }
        self
    }

    /// Which requests, seen from which side.
    pub fn kind(&self) -> Kind {
        self.labels.kind()
    }

    /// See [`Labels::route`].
    pub fn route(&self) -> &'a str {
        self.labels.route()
    }

    /// See [`Labels::method`].
    pub fn method(&self) -> &'a str {
        self.labels.method()
    }

    /// The status of the answer, if there was one.
    pub fn status(&self) -> Option<Status> {
        self.status
    }

    /// What ended it.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// What the layer takes it for.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }
}
