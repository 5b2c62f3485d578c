//! The settings of a registry that counting needs: bounds of buckets, names of
//! methods, the clock. The builder makes them, and every series refers to them.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;

use crate::{
    clock::{Clock, Monotonic, Tick, ticks},
    red::{Conventions, Methods, TraceId, http::http_methods::HttpMethods},
    stripes::stripe_count,
};

/// The settings of a registry; they never change after it is built.
pub(crate) struct RegistrySettings {
    /// The clock of starts, heads and ends.
    pub(crate) clock: ClockSource,
    /// Upper bounds of the buckets for durations, in microseconds, rising.
    pub(crate) bounds: Arc<[u64]>,
    /// The same for streams, which last longer.
    pub(crate) stream_bounds: Arc<[u64]>,
    /// The gRPC methods that are told apart.
    pub(crate) methods: Methods,
    /// The HTTP methods that are told apart.
    pub(crate) http_methods: HttpMethods,
    /// The value of the attribute `url.scheme`.
    pub(crate) scheme: Arc<str>,
    pub(crate) conventions: Conventions,
    /// Finds the trace of a request, for exemplars; `None` keeps no exemplars.
    pub(crate) trace_finder: Option<TraceFinder>,
    /// The number of stripes of a busy series: a power of two.
    pub(crate) stripes: usize,
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            clock: ClockSource::Monotonic(Monotonic::new()),
            bounds: default_bounds(),
            stream_bounds: default_stream_bounds(),
            methods: Methods::new(),
            http_methods: HttpMethods::standard(),
            scheme: "http".into(),
            conventions: Conventions::default(),
            trace_finder: None,
            stripes: stripe_count(),
        }
    }
}

impl RegistrySettings {
    /// Returns the present tick.
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Returns the trace of a request that begins now. Calls that are not HTTP
    /// have no headers.
    #[inline]
    pub(crate) fn trace(&self, headers: Option<&HeaderMap>) -> Option<TraceId> {
        let find = self.trace_finder.as_ref()?;
        match headers {
            Some(headers) => find(headers),
            None => find(&HeaderMap::new()),
        }
    }

    /// Returns the bounds of the buckets for streams, or for everything else.
    pub(crate) fn bounds(&self, streamed: bool) -> &Arc<[u64]> {
        match streamed {
            true => &self.stream_bounds,
            false => &self.bounds,
        }
    }
}

/// Returns the trace of a request with these headers if it is sampled.
pub(crate) type TraceFinder = Box<dyn Fn(&HeaderMap) -> Option<TraceId> + Send + Sync>;

/// The clock of a registry. The default clock is a variant of its own, because
/// it is read several times for each request and should not cost a pointer.
pub(crate) enum ClockSource {
    Monotonic(Monotonic),
    Other(Box<dyn Fn() -> Tick + Send + Sync>),
}

impl ClockSource {
    /// Returns another clock than the default.
    pub(crate) fn of(clock: impl Clock) -> Self {
        Self::Other(Box::new(move || clock.now()))
    }

    #[inline]
    pub(crate) fn now(&self) -> Tick {
        match self {
            Self::Monotonic(clock) => clock.now(),
            Self::Other(now) => now(),
        }
    }
}

impl fmt::Debug for ClockSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClockSource").field(&self.now()).finish()
    }
}

/// The most bounds that a histogram may have.
pub(crate) const MAX_BOUNDS: usize = 64;

/// The bounds that OpenTelemetry's semantic conventions advise for durations of
/// requests, in milliseconds
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>).
const DEFAULT_BOUNDS_MS: [u64; 14] = [
    5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
];

/// The default bounds for streams, in seconds: up to a day.
const DEFAULT_STREAM_BOUNDS_SECS: [u64; 14] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400,
];

/// Returns the default bounds in microseconds.
pub(crate) fn default_bounds() -> Arc<[u64]> {
    DEFAULT_BOUNDS_MS.iter().map(|ms| ms * 1_000).collect()
}

/// Returns the default bounds for streams in microseconds.
fn default_stream_bounds() -> Arc<[u64]> {
    let secs = DEFAULT_STREAM_BOUNDS_SECS.iter();
    secs.map(|secs| secs * 1_000_000).collect()
}

/// Converts bounds to microseconds.
///
/// # Panics
///
/// Panics unless there are 1 to [`MAX_BOUNDS`] bounds that rise in whole
/// microseconds. The message names `field`.
#[track_caller]
pub(crate) fn bounds(field: &str, bounds: impl IntoIterator<Item = Duration>) -> Arc<[u64]> {
    let bounds: Arc<[u64]> = bounds.into_iter().map(ticks).collect();
    let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(
        rising && (1..=MAX_BOUNDS).contains(&bounds.len()) && bounds[0] > 0,
        "invalid {field} {bounds:?} us: must be 1 to 64 durations of at least a microsecond, each \
         longer than the one before"
    );
    bounds
}
