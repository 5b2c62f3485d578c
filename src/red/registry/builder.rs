//! The builder of a registry.

use std::{fmt, time::Duration};

use http::HeaderMap;

use super::{
    budget::{Budget, PerSide},
    registry::Registry,
    settings::{self, ClockSource},
};
use crate::{
    clock::Clock,
    red::{
        Conventions, Export, Methods, RegistrySettings, Side, Slo, TraceId, export::Exports,
        http::http_methods::HttpMethods, slo::Objectives,
    },
};

/// The most series of each side, unless set.
const DEFAULT_MAX_SERIES: usize = 2_000;

impl Registry {
    /// Returns a builder with the defaults.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Returns a builder, to change settings.
    pub fn builder() -> Builder {
        Builder::new()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// Builds a [`Registry`] with other settings than the defaults.
///
/// ```
/// use std::time::Duration;
/// use sluicegate::red::Registry;
///
/// let metrics = Registry::builder()
///     .max_series(5_000)
///     .buckets([10, 100, 1_000].map(Duration::from_millis))
///     .scheme("https")
///     .build();
/// # let _ = metrics;
/// ```
#[must_use]
pub struct Builder {
    settings: RegistrySettings,
    max_series: PerSide<usize>,
    exports: Exports,
    objectives: Objectives,
}

impl Builder {
    fn new() -> Self {
        Self {
            settings: RegistrySettings::default(),
            max_series: PerSide::new(|_| DEFAULT_MAX_SERIES),
            exports: Exports::new(),
            objectives: Objectives::default(),
        }
    }

    /// Sets the most series: label sets with different statuses and outcomes.
    /// 2,000 unless set.
    ///
    /// Received requests and calls of other services have room for this many,
    /// and sent requests for as many again, so that neither side takes room
    /// from the other. Requests without room are counted together under the
    /// route [`Labels::OVERFLOW`](crate::red::Labels::OVERFLOW), and
    /// [`Snapshot::overflowed`](crate::red::Snapshot::overflowed) says how many
    /// label sets they had.
    ///
    /// ```
    /// use sluicegate::red::{Labels, RedCallLayer, Registry};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let metrics = Registry::builder().max_series(1).build();
    /// for job in ["resize", "send"] {
    ///     let job = RedCallLayer::new(job, &metrics).layer(service_fn(async |()| Ok::<_, String>(())));
    ///     job.oneshot(()).await.unwrap();
    /// }
    /// let snapshot = metrics.snapshot();
    /// assert_eq!(snapshot.route("resize").started(), 1);
    /// assert_eq!((snapshot.route(Labels::OVERFLOW).started(), snapshot.overflowed), (1, 1));
    /// # }
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if it is 0, or more than a million.
    #[track_caller]
    pub fn max_series(self, max_series: usize) -> Self {
        let max_series = checked_max_series("max_series", max_series);
        let max_series = PerSide::new(|_| max_series);
        Self { max_series, ..self }
    }

    /// Sets the most series of sent requests alone, which may go to many hosts:
    /// to those of webhooks, for example. Call it after
    /// [`max_series`](Self::max_series), which sets both.
    ///
    /// ```
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::builder().max_series(2_000).max_sent_series(10_000).build();
    /// # let _ = metrics;
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if it is 0, or more than a million.
    #[track_caller]
    pub fn max_sent_series(mut self, max_series: usize) -> Self {
        let max_series = checked_max_series("max_sent_series", max_series);
        self.max_series.set(Side::Client, max_series);
        self
    }

    /// Sets the upper bounds of the buckets for durations. Unless set, these
    /// are the 14 bounds from 5 ms to 10 s that OpenTelemetry advises.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::builder()
    ///     .buckets([1, 10, 100, 1_000].map(Duration::from_millis))
    ///     .build();
    /// # let _ = metrics;
    /// ```
    ///
    /// # Panics
    ///
    /// Panics unless there are 1 to 64 bounds of at least a microsecond, each
    /// longer than the one before.
    #[track_caller]
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        self.settings.bounds = settings::bounds("buckets", bounds);
        self
    }

    /// Sets the upper bounds of the buckets for the durations of streams: 14,
    /// from a second to a day, unless set.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::builder()
    ///     .stream_buckets([1, 60, 3_600].map(Duration::from_secs))
    ///     .build();
    /// # let _ = metrics;
    /// ```
    ///
    /// # Panics
    ///
    /// Panics as [`buckets`](Self::buckets) does.
    #[track_caller]
    pub fn stream_buckets(mut self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        self.settings.stream_bounds = settings::bounds("stream_buckets", bounds);
        self
    }

    /// Sets the gRPC methods that are told apart when they are received. All
    /// others are counted as [`Labels::OTHER`](crate::red::Labels::OTHER). None
    /// unless set.
    ///
    /// ```
    /// use sluicegate::red::{Methods, Registry};
    ///
    /// let methods = Methods::new().unary("shop.Orders/Place").streaming("shop.Orders/Watch");
    /// let metrics = Registry::builder().methods(methods).build();
    /// metrics.preregister_methods();
    /// assert_eq!(metrics.snapshot().series.len(), 2);
    /// ```
    pub fn methods(mut self, methods: Methods) -> Self {
        self.settings.methods = methods;
        self
    }

    /// Sets the HTTP methods that are told apart. All others are counted as
    /// [`Labels::OTHER`](crate::red::Labels::OTHER). Names are case-sensitive.
    ///
    /// Unless set, these are GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS,
    /// CONNECT, TRACE and QUERY.
    ///
    /// ```
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::builder()
    ///     .http_methods(["GET", "HEAD", "PUT", "DELETE", "PROPFIND", "MKCOL"])
    ///     .build();
    /// # let _ = metrics;
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if there are none or more than 64, or if one is not an HTTP
    /// method.
    #[track_caller]
    pub fn http_methods(mut self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        self.settings.http_methods = HttpMethods::of(names);
        self
    }

    /// Sets the value of the attribute `url.scheme`: `http` unless set. A
    /// server behind a proxy cannot see which scheme its clients use.
    pub fn scheme(mut self, scheme: &str) -> Self {
        self.settings.scheme = scheme.into();
        self
    }

    /// Sets the version of OpenTelemetry's semantic conventions that names the
    /// attributes: [`V1_44`](Conventions::V1_44) unless set. Change the
    /// dashboards that read the old names first.
    ///
    /// ```
    /// use sluicegate::red::{Conventions, Registry};
    ///
    /// let metrics = Registry::builder().conventions(Conventions::V1_45).build();
    /// # let _ = metrics;
    /// ```
    pub fn conventions(mut self, conventions: Conventions) -> Self {
        self.settings.conventions = conventions;
        self
    }

    /// Keeps an exemplar for each bucket: the trace of its last request, so
    /// that one can look up what a slow request did. Unless set, exemplars are
    /// off and take no memory. OpenMetrics exports them.
    ///
    /// The closure returns the trace of a request when the request begins, from
    /// its headers (as [`from_traceparent`](TraceId::from_traceparent) does) or
    /// from the current span. It should return `None` for a trace that is not
    /// sampled, because such a trace cannot be looked up. Calls that are not
    /// HTTP have no headers.
    ///
    /// ```
    /// use sluicegate::red::{Registry, TraceId};
    ///
    /// let metrics = Registry::builder().exemplars(TraceId::from_traceparent).build();
    /// # let _ = metrics;
    /// ```
    pub fn exemplars(
        mut self,
        trace: impl Fn(&HeaderMap) -> Option<TraceId> + Send + Sync + 'static,
    ) -> Self {
        self.settings.trace_finder = Some(Box::new(trace));
        self
    }

    /// Adds an exporter that is notified of each request. None unless set.
    pub fn export(mut self, export: impl Export) -> Self {
        self.exports.push(Box::new(export));
        self
    }

    /// Adds a service level objective under a name; see [`Slo`].
    ///
    /// ```
    /// use sluicegate::red::{Registry, Slo};
    ///
    /// let metrics = Registry::builder().slo("answers", Slo::availability(0.999)).build();
    /// assert_eq!(metrics.slos()[0].name, "answers");
    /// ```
    ///
    /// # Panics
    ///
    /// Panics if another objective has this name.
    #[track_caller]
    pub fn slo(mut self, name: &str, slo: Slo) -> Self {
        self.objectives.add(name, slo);
        self
    }

    /// Sets the clock, for tests.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::{clock::Manual, red::{RedCallLayer, Registry}};
    /// use tower::{Layer, ServiceExt, service_fn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let clock = Manual::new();
    /// let metrics = Registry::builder().clock(clock.clone()).build();
    /// let job = RedCallLayer::new("job", &metrics).layer(service_fn(async |()| {
    ///     clock.advance(Duration::from_millis(7));
    ///     Ok::<_, String>(())
    /// }));
    /// job.oneshot(()).await.unwrap();
    /// let durations = metrics.snapshot().durations().unwrap();
    /// assert_eq!(durations.mean(), Some(Duration::from_millis(7)));
    /// # }
    /// ```
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = ClockSource::of(clock);
        self
    }

    /// Returns the registry.
    ///
    /// # Panics
    ///
    /// Panics if the threshold of an [objective](Self::slo) is not one of the
    /// bounds of [`buckets`](Self::buckets).
    #[must_use]
    #[track_caller]
    pub fn build(self) -> Registry {
        let settings = self.settings;
        let objectives = self.objectives.track(settings.now(), &settings.bounds);
        let budgets = PerSide::new(|side| Budget::of(*self.max_series.get(side)));
        Registry::assemble(settings, budgets, self.exports, objectives)
    }
}

/// Panics unless the number is 1 to a million.
#[track_caller]
fn checked_max_series(field: &str, max_series: usize) -> usize {
    assert!(
        (1..=1_000_000).contains(&max_series),
        "invalid {field} {max_series}: must be 1 to 1000000"
    );
    max_series
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("max_series", &self.max_series)
            .field("bounds", &self.settings.bounds)
            .field("stream_bounds", &self.settings.stream_bounds)
            .field("methods", &self.settings.methods)
            .field("http_methods", &self.settings.http_methods)
            .finish_non_exhaustive()
    }
}
