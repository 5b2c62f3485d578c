//! Where requests are counted.

use std::{fmt, num::NonZero, sync::Arc, thread, time::Duration};

use http::{HeaderMap, Method, StatusCode};

use super::{
    budget::Budget,
    guard::Guard,
    series::{CompletionKey, Series},
    settings::{self, ClockSource, Settings, Traces},
    shares::{Overflowed, PerShare, Share},
    table::Table,
};
use crate::clock::{Clock, Monotonic};
use crate::red::{
    components::Components,
    exemplar::TraceId,
    export::{Export, Exports, conventions::Conventions},
    http::{default_classify::by_status, http_methods::HttpMethods, methods::Methods},
    labels::{Kind, LabelsRef},
    outcome::Cause,
    slo::{Objectives, Slo},
    snapshot::Snapshot,
    status::Status,
};

/// How many series there are at most, unless set.
const MAX_SERIES: usize = 2_000;

/// More threads than that take turns at the same cache lines.
const MAX_STRIPES: usize = 8;

/// Where requests are counted, and read from. It is a handle: clones share all
/// that is counted, and layers hold one.
///
/// ```
/// use sluicegate::red::Registry;
///
/// let metrics = Registry::new();
/// assert_eq!(metrics.snapshot().started(), 0);
/// ```
#[derive(Clone)]
pub struct Registry {
    table: Arc<Table>,
}

impl Registry {
    /// With room for 2,000 series of each side, and the buckets that semantic conventions
    /// advise.
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// One with settings of its own.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// What was counted up to now.
    pub fn snapshot(&self) -> Snapshot {
        let mut series: Vec<_> = self.table.all().map(Series::read).collect();
        series.sort_by(|one, other| one.labels.cmp(&other.labels));
        let overflows = Overflowed::read(&self.settings().budgets);
        Snapshot {
            series,
            overflowed: overflows.total(),
            overflows,
            ..self.components().read()
        }
    }

    /// Counts zero requests of a route, so that the first one that fails can be
    /// told from none: Prometheus' `rate` takes a series that was not there before
    /// for one that has not changed. Besides its statuses, it makes room for the
    /// route itself, which no flood of other ones takes.
    pub fn preregister(
        &self,
        method: &Method,
        route: &str,
        statuses: impl IntoIterator<Item = StatusCode>,
    ) {
        let labels = LabelsRef {
            kind: Kind::HttpServer,
            method: self.settings().http_methods.label(method),
            route,
            peer: "",
        };
        let statuses = statuses.into_iter().map(|it| Status::Http(it.as_u16()));
        self.expect(labels, statuses);
    }

    /// The same for all gRPC [methods](Builder::methods), with the statuses OK,
    /// UNKNOWN and INTERNAL.
    pub fn preregister_methods(&self) {
        for name in self.settings().methods.names() {
            let labels = LabelsRef {
                kind: Kind::GrpcServer,
                method: "",
                route: name,
                peer: "",
            };
            self.expect(labels, [0, 2, 13].map(Status::Grpc).into_iter());
        }
    }

    fn expect(&self, labels: LabelsRef<'_>, statuses: impl Iterator<Item = Status>) {
        let streamed = self
            .settings()
            .methods
            .streams(labels.route)
            .unwrap_or(false);
        let stripe = self.table.series(labels).stripe();
        for status in statuses {
            let outcome = by_status(labels.kind, status);
            stripe.expect(CompletionKey::new(
                Some(status),
                outcome,
                Cause::Status,
                streamed,
            ));
        }
    }

    /// Counts a request that begins now.
    #[inline]
    pub(crate) fn start(&self, labels: LabelsRef<'_>, headers: Option<&HeaderMap>) -> Guard {
        let trace = self.settings().trace(headers);
        let guard = Guard::start(self.table.series(labels).stripe(), trace);
        self.settings().slos.look(guard.began(), &self.table);
        guard
    }

    #[inline]
    pub(crate) fn components(&self) -> &Components {
        &self.settings().components
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    #[inline]
    pub(crate) fn settings(&self) -> &Settings {
        self.table.settings()
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Registry").field(&self.table).finish()
    }
}

/// Makes a [`Registry`] with settings.
#[must_use]
pub struct Builder {
    clock: ClockSource,
    max_series: PerShare<usize>,
    bounds: Arc<[u64]>,
    stream_bounds: Arc<[u64]>,
    methods: Methods,
    http_methods: HttpMethods,
    scheme: Arc<str>,
    conventions: Conventions,
    traces: Option<Traces>,
    exports: Exports,
    objectives: Objectives,
}

impl Builder {
    fn new() -> Self {
        Self {
            clock: ClockSource::Monotonic(Monotonic::new()),
            max_series: PerShare::new(|_| MAX_SERIES),
            bounds: settings::default_bounds(),
            stream_bounds: settings::default_stream_bounds(),
            methods: Methods::new(),
            http_methods: HttpMethods::usual(),
            scheme: "http".into(),
            conventions: Conventions::default(),
            traces: None,
            exports: Exports::new(),
            objectives: Objectives::default(),
        }
    }

    /// How many series there are at most: label sets with different statuses and
    /// outcomes. 2,000 unless set. Requests that are received, with calls of other
    /// services, have room for so many, and requests that are sent have room for as
    /// many again, so that neither side takes it from the other. Requests that have no
    /// room are counted together as of the route [`OVERFLOW`](crate::red::OVERFLOW), and
    /// [`Snapshot::overflowed`] tells how many label sets they had.
    ///
    /// # Panics
    ///
    /// When it is 0, or more than a million.
    #[track_caller]
    pub fn max_series(self, max_series: usize) -> Self {
        let max_series = allowed("max_series", max_series);
        let max_series = PerShare::new(|_| max_series);
        Self { max_series, ..self }
    }

    /// The same for requests that are sent alone, whose hosts may be many: those of
    /// webhooks, for example. As many as [`max_series`](Self::max_series) unless set
    /// after it.
    ///
    /// # Panics
    ///
    /// When it is 0, or more than a million.
    #[track_caller]
    pub fn max_sent_series(mut self, max_series: usize) -> Self {
        let max_series = allowed("max_sent_series", max_series);
        self.max_series.set(Share::Sent, max_series);
        self
    }

    /// The upper bounds of the buckets for durations: 14, from 5 ms to 10 s, as
    /// OpenTelemetry advises, unless set.
    ///
    /// # Panics
    ///
    /// When there is none or are more than 64, when one is less than a microsecond,
    /// or not longer than the one before.
    #[track_caller]
    pub fn buckets(self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        let bounds = settings::bounds("buckets", bounds);
        Self { bounds, ..self }
    }

    /// The same for streams: 14, from a second to a day, unless set.
    ///
    /// # Panics
    ///
    /// As [`buckets`](Self::buckets) does.
    #[track_caller]
    pub fn stream_buckets(self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        let stream_bounds = settings::bounds("stream_buckets", bounds);
        Self {
            stream_bounds,
            ..self
        }
    }

    /// The gRPC methods that are told apart when they are received; all others are
    /// counted as [`OTHER`](crate::red::OTHER). None unless set.
    pub fn methods(self, methods: Methods) -> Self {
        Self { methods, ..self }
    }

    /// The methods of HTTP that are told apart, instead of the usual ones; all others
    /// are counted as [`OTHER`](crate::red::OTHER). Names are case-sensitive. The usual ones
    /// are GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS, CONNECT, TRACE and QUERY.
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
    /// When there are none or more than 64, or when one is no method of HTTP.
    #[track_caller]
    pub fn http_methods(self, names: impl IntoIterator<Item: AsRef<str>>) -> Self {
        let http_methods = HttpMethods::of(names);
        Self {
            http_methods,
            ..self
        }
    }

    /// How requests come: `http` unless set, for the label `url.scheme`, which no
    /// server can tell that has a proxy before it.
    pub fn scheme(self, scheme: &str) -> Self {
        let scheme = scheme.into();
        Self { scheme, ..self }
    }

    /// By which version of OpenTelemetry's semantic conventions attributes are named:
    /// [`V1_44`](Conventions::V1_44) unless set. Set a newer one when the dashboards
    /// that read the old names have been changed.
    ///
    /// ```
    /// use sluicegate::red::{Conventions, Registry};
    ///
    /// let metrics = Registry::builder().conventions(Conventions::V1_45).build();
    /// # let _ = metrics;
    /// ```
    pub fn conventions(self, conventions: Conventions) -> Self {
        Self {
            conventions,
            ..self
        }
    }

    /// Keeps of each bucket the last request that belongs to a trace, so that one can
    /// look at what a slow request did. Which trace that is says a closure when the
    /// request begins: [`traceparent`](crate::red::traceparent), or what is known of a
    /// current span. It should say `None` of traces that are not sampled, for those
    /// cannot be looked at. It is shown the headers of the request, of which a call
    /// of another service has none.
    ///
    /// There are none unless set, and then they take no memory. See
    /// [`Completion::exemplars`](crate::red::Completion::exemplars); OpenMetrics has them
    /// too.
    ///
    /// ```
    /// use sluicegate::red::{self, Registry};
    ///
    /// let metrics = Registry::builder().exemplars(red::traceparent).build();
    /// # let _ = metrics;
    /// ```
    pub fn exemplars(
        self,
        traces: impl Fn(&HeaderMap) -> Option<TraceId> + Send + Sync + 'static,
    ) -> Self {
        let traces = Some(Box::new(traces) as Traces);
        Self { traces, ..self }
    }

    /// One more who is told of each request. Nobody is unless set.
    pub fn export(mut self, export: impl Export) -> Self {
        self.exports.push(Box::new(export));
        self
    }

    /// An objective to meet, under a name; see [`Slo`].
    ///
    /// # Panics
    ///
    /// When another has this name.
    #[track_caller]
    pub fn slo(mut self, name: &str, slo: Slo) -> Self {
        self.objectives.add(name, slo);
        self
    }

    /// By another clock, as tests want it.
    pub fn clock(self, clock: impl Clock) -> Self {
        let clock = ClockSource::of(clock);
        Self { clock, ..self }
    }

    /// The registry.
    ///
    /// # Panics
    ///
    /// When the threshold of an [objective](Self::slo) is not one of the bounds of
    /// [`buckets`](Self::buckets).
    #[must_use]
    #[track_caller]
    pub fn build(self) -> Registry {
        let settings = Settings {
            slos: self.objectives.track(self.clock.now(), &self.bounds),
            clock: self.clock,
            bounds: self.bounds,
            stream_bounds: self.stream_bounds,
            budgets: PerShare::new(|share| Budget::of(*self.max_series.get(share))),
            methods: self.methods,
            http_methods: self.http_methods,
            scheme: self.scheme,
            conventions: self.conventions,
            traces: self.traces,
            exports: self.exports,
            stripes: stripes(),
            components: Components::default(),
        };
        Registry {
            table: Table::new(Arc::new(settings)),
        }
    }
}

#[track_caller]
fn allowed(field: &str, max_series: usize) -> usize {
    assert!(
        (1..=1_000_000).contains(&max_series),
        "invalid {field} {max_series}: must be 1 to 1000000"
    );
    max_series
}

pub(crate) fn stripes() -> usize {
    let threads = thread::available_parallelism().map_or(1, NonZero::get);
    threads.next_power_of_two().min(MAX_STRIPES)
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("max_series", &self.max_series)
            .field("bounds", &self.bounds)
            .field("stream_bounds", &self.stream_bounds)
            .field("methods", &self.methods)
            .field("http_methods", &self.http_methods)
            .finish_non_exhaustive()
    }
}
