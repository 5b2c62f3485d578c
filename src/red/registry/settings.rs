//! What all series of a registry have in common.

use std::{fmt, sync::Arc, time::Duration};

use http::HeaderMap;

use super::{budget::Budget, shares::PerShare};
use crate::clock::{Clock, Monotonic, Tick, ticks};
use crate::red::{
    components::Components,
    exemplar::TraceId,
    export::{Exports, conventions::Conventions},
    http::{http_methods::HttpMethods, methods::Methods},
    slo::TrackedObjectives,
};

/// What all series of a registry have in common.
pub(crate) struct Settings {
    pub(crate) clock: ClockSource,
    /// Upper bounds in microseconds.
    pub(crate) bounds: Arc<[u64]>,
    /// The same for streams, which last longer.
    pub(crate) stream_bounds: Arc<[u64]>,
    pub(crate) budgets: PerShare<Budget>,
    /// Of gRPC.
    pub(crate) methods: Methods,
    pub(crate) http_methods: HttpMethods,
    pub(crate) scheme: Arc<str>,
    pub(crate) conventions: Conventions,
    /// For exemplars; there are none without it.
    pub(crate) traces: Option<Traces>,
    pub(crate) exports: Exports,
    /// How many parts a series is counted in: a power of two.
    pub(crate) stripes: usize,
    pub(crate) slos: TrackedObjectives,
    pub(crate) components: Components,
}

impl Settings {
    #[inline]
    pub(crate) fn now(&self) -> Tick {
        self.clock.now()
    }

    /// Which trace a request belongs to that begins now; it may have no headers.
    #[inline]
    pub(crate) fn trace(&self, headers: Option<&HeaderMap>) -> Option<TraceId> {
        let traces = self.traces.as_ref()?;
        match headers {
            Some(headers) => traces(headers),
            None => traces(&HeaderMap::new()),
        }
    }

    pub(crate) fn bounds(&self, streamed: bool) -> &Arc<[u64]> {
        if streamed {
            &self.stream_bounds
        } else {
            &self.bounds
        }
    }
}

/// Says which trace a request belongs to, if it is sampled.
pub(crate) type Traces = Box<dyn Fn(&HeaderMap) -> Option<TraceId> + Send + Sync>;

/// Where the time is read from. The usual clock is not asked by way of a pointer.
pub(crate) enum ClockSource {
    Monotonic(Monotonic),
    Other(Box<dyn Fn() -> Tick + Send + Sync>),
}

impl ClockSource {
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

/// What OpenTelemetry's semantic conventions advise for durations of requests
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-metrics/>), in
/// milliseconds.
const BOUNDS: [u64; 14] = [
    5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000,
];

/// Of streams, in seconds: up to a day.
const STREAM_BOUNDS: [u64; 14] = [
    1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400,
];

pub(crate) fn default_bounds() -> Arc<[u64]> {
    BOUNDS.iter().map(|ms| ms * 1_000).collect()
}

pub(crate) fn default_stream_bounds() -> Arc<[u64]> {
    STREAM_BOUNDS.iter().map(|secs| secs * 1_000_000).collect()
}

/// Whole microseconds, which have to be more than those before.
#[track_caller]
pub(crate) fn bounds(field: &str, bounds: impl IntoIterator<Item = Duration>) -> Arc<[u64]> {
    let bounds: Arc<[u64]> = bounds.into_iter().map(ticks).collect();
    let rising = bounds.windows(2).all(|pair| pair[0] < pair[1]);
    assert!(
        rising && (1..=64).contains(&bounds.len()) && bounds[0] > 0,
        "invalid {field} {bounds:?} us: must be 1 to 64 durations of at least a microsecond, each \
         longer than the one before"
    );
    bounds
}
