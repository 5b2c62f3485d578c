//! A service level objective and its settings.

use std::{fmt, sync::Arc, time::Duration};

use crate::red::{Kind, Labels};

/// The default period of an objective: 30 days.
const PERIOD: Duration = Duration::from_secs(30 * DAY);

/// A day in seconds.
const DAY: u64 = 86_400;

/// A service level objective: the share of requests that has to be good.
///
/// Unless restricted, it is about the requests that are received over HTTP and
/// gRPC on all routes. A registry that is built with objectives keeps a
/// history. [`Registry::slos`](crate::red::Registry::slos) tells from it the
/// error budget and how fast that burns:
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
/// Requests that the service could not have answered better do not count at
/// all: those that were [cancelled](crate::red::Outcome::Cancelled), those that
/// a limit refused because their caller was over it, and those that ended by a
/// deadline that their caller chose in a header, shorter than the one that the
/// server's [`EnforceDeadlineLayer`](crate::deadline::EnforceDeadlineLayer)
/// gives (its `default_timeout`, or else its `maximum`). The latter have the
/// cause [`CallerTimeout`](crate::red::Cause::CallerTimeout),
/// `error_type="caller_timeout"`.
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
/// Failures have no latency: to fail fast is not a good service, and
/// availability counts the failure already. A request that a deadline ended
/// counts as slow, however soon that was, because otherwise a short deadline
/// would make any service fast. [Streams](crate::red::Completion::is_streamed)
/// have no latency either. For sent requests, a client error is a failure of
/// this process.
///
/// Received gRPC calls of unknown methods do not count unless a
/// [kind](Self::kind) is set: any client can call methods that do not exist.
///
/// The terms are those of Google's Site Reliability Workbook
/// (<https://sre.google/workbook/implementing-slos/>).
#[derive(Clone)]
#[must_use]
pub struct Slo {
    /// The share that has to be good: above 0 and below 1.
    pub(super) objective: f64,
    pub(super) measure: Measure,
    pub(super) period: Duration,
    /// `None` for all requests that are received over HTTP and gRPC.
    kind: Option<Kind>,
    /// Accepts the labels of the series that count; `None` for all.
    wanted: Option<Wanted>,
    /// Whether requests that were shed over the limit are bad.
    pub(super) counts_shed: bool,
}

/// Decides by its labels whether a series counts.
type Wanted = Arc<dyn Fn(&Labels) -> bool + Send + Sync>;

/// The condition under which a request is good.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// It did not fail.
    Availability,
    /// It was answered, and the response ended within this time.
    Latency(Duration),
}

impl Slo {
    /// Returns an objective that this share of requests does not fail. `0.999`
    /// means 999 of 1,000.
    ///
    /// ```
    /// use sluicegate::red::Slo;
    ///
    /// let answers = Slo::availability(0.999);
    /// assert_eq!(answers.objective(), 0.999);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics unless the objective is above 0 and below 1. An objective of 1
    /// would leave no budget for errors.
    #[track_caller]
    pub fn availability(objective: f64) -> Self {
        Self::new(objective, Measure::Availability)
    }

    /// Returns an objective that this share of responses ends within
    /// `threshold`, which has to be the bound of one of the registry's
    /// [`buckets`](crate::red::Builder::buckets).
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::red::Slo;
    ///
    /// let fast = Slo::latency(0.99, Duration::from_millis(250));
    /// assert_eq!(fast.objective(), 0.99);
    /// ```
    ///
    /// # Panics
    ///
    /// Panics as [`availability`](Self::availability) does.
    #[track_caller]
    pub fn latency(objective: f64, threshold: Duration) -> Self {
        Self::new(objective, Measure::Latency(threshold))
    }

    /// Returns an objective for the default period, or panics.
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

    /// Restricts it to this route.
    pub fn route(self, route: &str) -> Self {
        let route: Arc<str> = route.into();
        self.only(move |labels| labels.route() == &*route)
    }

    /// Restricts it to series whose labels `wanted` accepts. Several
    /// restrictions must all hold.
    ///
    /// ```
    /// use sluicegate::red::Slo;
    ///
    /// let writes = Slo::availability(0.999).only(|labels| labels.method() != "GET");
    /// let orders = writes.route("/orders");
    /// # let _ = orders;
    /// ```
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

    /// Makes it about requests of this kind, instead of those that are received
    /// over HTTP and gRPC.
    ///
    /// ```
    /// use sluicegate::red::{Kind, Slo};
    ///
    /// let jobs = Slo::availability(0.99).kind(Kind::Call).route("resize");
    /// # let _ = jobs;
    /// ```
    pub fn kind(self, kind: Kind) -> Self {
        let kind = Some(kind);
        Self { kind, ..self }
    }

    /// Counts requests that a limit refused because their caller was over it as
    /// bad. Use it where a limit protects the service as a whole rather than
    /// one caller from another.
    pub fn count_shed(self) -> Self {
        Self {
            counts_shed: true,
            ..self
        }
    }

    /// Sets the period in which the objective has to be met: 30 days unless
    /// set. The error budget is that of a period, and [burn
    /// rates](super::burn::Burn) are relative to it.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::red::Slo;
    ///
    /// let weekly = Slo::availability(0.999).period(Duration::from_secs(7 * 86_400));
    /// # let _ = weekly;
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if it is less than 7 days, or more than 90.
    #[track_caller]
    pub fn period(self, period: Duration) -> Self {
        let days = Duration::from_secs(7 * DAY)..=Duration::from_secs(90 * DAY);
        assert!(
            days.contains(&period),
            "invalid period {period:?}: must be 7 to 90 days"
        );
        Self { period, ..self }
    }

    /// Returns the share that has to be good.
    pub fn objective(&self) -> f64 {
        self.objective
    }

    /// Returns whether a series with these labels counts.
    pub(super) fn wants(&self, labels: &Labels) -> bool {
        let of_kind = match self.kind {
            Some(kind) => labels.kind() == kind,
            None => is_received(labels),
        };
        of_kind && self.wanted.as_ref().is_none_or(|wanted| wanted(labels))
    }

    /// Returns the share that may be bad. It is rounded, because `1.0 - 0.999`
    /// is not exactly 0.001.
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
/// Returns whether an objective counts these requests by default. gRPC calls of
/// unknown methods do not count, because any client can send them.
fn is_received(labels: &Labels) -> bool {
    match labels.kind() {
        Kind::HttpServer => true,
        Kind::GrpcServer => labels.route() != Labels::OTHER,
        _ => false,
    }
}
