//! What a service promises its callers, and how much of it is kept.

use std::{fmt, sync::Arc, time::Duration};

use crate::red::labels::{Kind, Labels};

/// Over how long an objective is to be met, unless set.
const PERIOD: Duration = Duration::from_secs(30 * DAY);

const DAY: u64 = 86_400;

/// A service level objective: which share of requests has to be good.
///
/// It is about what is received over HTTP and gRPC, of all routes, unless that is
/// restricted. A registry that is built with it keeps a history, from which
/// [`Registry::slos`](crate::red::Registry::slos) tells the error budget and how fast
/// it burns:
///
/// ```
/// use std::time::Duration;
/// use sluicegate::red::{Registry, Slo};
///
/// let metrics = Registry::builder()
///     .slo("answers", Slo::availability(0.999))
///     .slo("fast orders", Slo::latency(0.99, Duration::from_millis(250)).route("/orders"))
///     .build();
/// for slo in metrics.slos() {
///     assert_eq!(slo.budget.remaining(), 1.0);
///     assert!(!slo.alerts.iter().any(|alert| alert.is_firing()));
/// }
/// ```
///
/// # What is good
///
/// What nobody can be blamed for counts neither as good nor at all: requests that
/// were [cancelled](crate::red::Outcome::Cancelled), those that a limit refused because
/// their caller was over it, and those that ended by a deadline that their caller chose
/// in a header, shorter than the one that the server's
/// [`EnforceDeadlineLayer`](crate::deadline::EnforceDeadlineLayer) gives: its
/// `default_timeout`, or else its `maximum`. Such have the cause
/// [`CallerTimeout`](crate::red::Cause::CallerTimeout), `error_type="caller_timeout"`.
///
/// | outcome | availability | latency |
/// |---|---|---|
/// | ok | good | good up to the threshold, else bad |
/// | client error | good | good up to the threshold, else bad |
/// | server error, panic | bad | does not count |
/// | deadline | bad | bad |
/// | deadline of the caller's, shorter than the server's own | does not count | does not count |
/// | shed, over the limit | does not count | does not count |
/// | shed, the limit could not be checked | bad | does not count |
/// | cancelled | does not count | does not count |
///
/// Failures have no latency here, for to fail fast is no good service, and to have
/// failed is told by the availability already. What a deadline has ended is slow,
/// however soon that was: else a short deadline would make any service fast. What
/// is [streamed](crate::red::Completion::is_streamed) has no latency either. Of requests that
/// are sent, a client error is a failure of whoever sends them.
///
/// Unless said otherwise it is about all requests that are received, but gRPC calls
/// of methods that are not known: whoever likes may call what there is not.
///
/// The settings are those of Google's Site Reliability Workbook
/// (<https://sre.google/workbook/implementing-slos/>).
#[derive(Clone)]
#[must_use]
pub struct Slo {
    pub(super) objective: f64,
    pub(super) measure: Measure,
    pub(super) period: Duration,
    /// None: all that is received over HTTP and gRPC.
    kind: Option<Kind>,
    wanted: Option<Wanted>,
    pub(super) counts_shed: bool,
}

type Wanted = Arc<dyn Fn(&Labels) -> bool + Send + Sync>;

#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    Availability,
    /// At most so long, until the end of the answer.
    Latency(Duration),
}

impl Slo {
    /// This share of requests does not fail: `0.999` are 999 of 1,000.
    ///
    /// # Panics
    ///
    /// When the objective is not above 0 and below 1: what must never fail leaves no
    /// budget for errors.
    #[track_caller]
    pub fn availability(objective: f64) -> Self {
        Self::new(objective, Measure::Availability)
    }

    /// This share of answers is whole after at most so long, which has to be the
    /// bound of one of the registry's [`buckets`](crate::red::Builder::buckets).
    ///
    /// # Panics
    ///
    /// As [`availability`](Self::availability).
    #[track_caller]
    pub fn latency(objective: f64, threshold: Duration) -> Self {
        Self::new(objective, Measure::Latency(threshold))
    }

    #[track_caller]
    fn new(objective: f64, measure: Measure) -> Self {
        assert!(
            objective > 0.0 && objective < 1.0,
            "invalid objective {objective}: must be more than 0 and less than 1"
        );
        Self {
            objective,
            measure,
            period: PERIOD,
            kind: None,
            wanted: None,
            counts_shed: false,
        }
    }

    /// Only of this route.
    pub fn route(self, route: &str) -> Self {
        let route: Arc<str> = route.into();
        self.only(move |labels| labels.route() == &*route)
    }

    /// Only of series with labels like these. Each restriction is one more.
    pub fn only(self, wanted: impl Fn(&Labels) -> bool + Send + Sync + 'static) -> Self {
        let wanted: Wanted = match self.wanted {
            Some(before) => Arc::new(move |labels| before(labels) && wanted(labels)),
            None => Arc::new(wanted),
        };
        Self {
            wanted: Some(wanted),
            ..self
        }
    }

    /// Of this kind of requests, instead of those received over HTTP and gRPC.
    pub fn kind(self, kind: Kind) -> Self {
        let kind = Some(kind);
        Self { kind, ..self }
    }

    /// Counts as failed, too, what a limit refused because its caller was over it:
    /// for limits that protect the service rather than tell callers apart.
    pub fn count_shed(self) -> Self {
        Self {
            counts_shed: true,
            ..self
        }
    }

    /// Over how long it is to be met: 30 days unless set. This is what the error
    /// budget is for, and what [burns](Burn) are measured by.
    ///
    /// # Panics
    ///
    /// When it is less than 7 days, or more than 90.
    #[track_caller]
    pub fn period(self, period: Duration) -> Self {
        let days = Duration::from_secs(7 * DAY)..=Duration::from_secs(90 * DAY);
        assert!(
            days.contains(&period),
            "invalid period {period:?}: must be 7 to 90 days"
        );
        Self { period, ..self }
    }

    /// Which share has to be good.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    pub(super) fn wants(&self, labels: &Labels) -> bool {
        let of_kind = match self.kind {
            Some(kind) => labels.kind() == kind,
            None => is_received(labels),
        };
        of_kind && self.wanted.as_ref().is_none_or(|wanted| wanted(labels))
    }

    /// How much of it may be bad, without the dust of `1.0 - 0.999`.
    pub(super) fn allowed(&self) -> f64 {
        ((1.0 - self.objective) * 1e12).round() / 1e12
    }
}

impl fmt::Debug for Slo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slo")
            .field("objective", &self.objective)
            .field("measure", &self.measure)
            .field("period", &self.period)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
/// Anybody may call a method that there is not, or say of any request that it is
/// gRPC.
fn is_received(labels: &Labels) -> bool {
    match labels.kind() {
        Kind::HttpServer => true,
        Kind::GrpcServer => labels.route() != Labels::OTHER,
        _ => false,
    }
}
