//! A histogram of durations, and what is read from it. It is the ground floor
//! of RED metrics and of the latency of Redis connections: threads record into
//! a [`Histogram`] without a lock, and a reader gets [`Durations`].

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// The number of counters in a cache line.
const CELLS: usize = 8;

/// One cache line. A histogram starts at a cache line of its own, so that the
/// threads of one stripe never write to a line of another.
#[derive(Default)]
#[repr(align(64))]
struct CacheLine([AtomicU64; CELLS]);

/// A counter for each bucket, and the sum of all durations. With fourteen
/// bounds it takes two cache lines.
pub(crate) struct Histogram {
    /// The counters of the buckets, then the sum.
    lines: Box<[CacheLine]>,
}

impl Histogram {
    /// Returns a histogram for so many bounds.
    pub(crate) fn new(bounds: usize) -> Self {
        // One more bucket has no bound, and the sum needs a counter.
        let lines = (bounds + 2).div_ceil(CELLS);
        Self {
            lines: (0..lines).map(|_| CacheLine::default()).collect(),
        }
    }

    /// Records a duration. `bounds` must be the same in every call.
    ///
    /// The count is written last and with release ordering, so that a reader
    /// who sees it also sees everything that the thread did before, such as the
    /// start of the request.
    #[inline]
    pub(crate) fn record(&self, bounds: &[u64], micros: u64) {
        // Scanned rather than searched: most durations are in the first
        // buckets.
        let nth = bounds.iter().position(|bound| micros <= *bound);
        let cell = |nth: usize| &self.lines[nth / CELLS].0[nth % CELLS];
        cell(bounds.len() + 1).fetch_add(micros, Ordering::Relaxed);
        cell(nth.unwrap_or(bounds.len())).fetch_add(1, Ordering::Release);
    }

    /// Reads the counts. The bounds must be those of `record`.
    pub(crate) fn read(&self, bounds: &Arc<[u64]>) -> Durations {
        let mut durations = Durations::none(bounds);
        let (counts, sum) = durations.parts_mut();
        let cells = self.lines.iter().flat_map(|line| &line.0);
        let mut read = cells.map(|cell| cell.load(Ordering::Acquire));
        counts.fill_with(|| read.next().unwrap_or_default());
        *sum = read.next().unwrap_or_default();
        durations
    }
}

impl fmt::Debug for Histogram {
    debug_opaque!(Histogram);
}

/// Durations that were counted in buckets, and their sum.
///
/// ```
/// use sluicegate::red::Registry;
///
/// let snapshot = Registry::new().snapshot();
/// if let Some(durations) = snapshot.durations() {
///     println!("{} requests, 99 % within {:?}", durations.count(), durations.quantile(0.99));
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Durations {
    /// The upper bounds in microseconds; one more bucket has none.
    bounds: Arc<[u64]>,
    /// How many durations are in each bucket.
    counts: Vec<u64>,
    /// The sum in microseconds.
    sum: u64,
}

impl Durations {
    /// Returns durations with these bounds and nothing in them.
    pub(crate) fn none(bounds: &Arc<[u64]>) -> Self {
        Self {
            bounds: Arc::clone(bounds),
            counts: vec![0; bounds.len() + 1],
            sum: 0,
        }
    }

    /// Returns how many durations were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Returns the sum of all durations.
    pub fn sum(&self) -> Duration {
        Duration::from_micros(self.sum)
    }

    /// Returns the mean; `None` if nothing was counted.
    pub fn mean(&self) -> Option<Duration> {
        let mean = self.sum.checked_div(self.count())?;
        Some(Duration::from_micros(mean))
    }

    /// Returns each bucket: its upper bound, and how many durations are in it.
    /// The last bucket has no bound.
    ///
    /// ```
    /// use http::{Method, StatusCode};
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::new();
    /// metrics.preregister(&Method::GET, "/orders", [StatusCode::OK]);
    /// let durations = metrics.snapshot().durations().unwrap();
    /// let (last, count) = durations.buckets().last().unwrap();
    /// assert_eq!((last, count), (None, 0));
    /// ```
    pub fn buckets(&self) -> impl Iterator<Item = (Option<Duration>, u64)> + '_ {
        let bounds = self
            .bounds
            .iter()
            .map(|bound| Some(Duration::from_micros(*bound)));
        bounds.chain([None]).zip(self.counts.iter().copied())
    }

    /// Returns how many durations were at most this long; `None` if that is not
    /// the bound of a bucket.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::{Method, StatusCode};
    /// use sluicegate::red::Registry;
    ///
    /// let metrics = Registry::new();
    /// metrics.preregister(&Method::GET, "/orders", [StatusCode::OK]);
    /// let durations = metrics.snapshot().durations().unwrap();
    /// assert_eq!(durations.at_most(Duration::from_millis(250)), Some(0));
    /// assert_eq!(durations.at_most(Duration::from_millis(251)), None);
    /// ```
    pub fn at_most(&self, bound: Duration) -> Option<u64> {
        let bound = u64::try_from(bound.as_micros()).ok()?;
        let last = self.bounds.binary_search(&bound).ok()?;
        Some(self.counts[..=last].iter().sum())
    }

    /// Returns the duration that a share `q` of all durations does not exceed;
    /// `None` if nothing was counted.
    ///
    /// The durations of a bucket are taken to be spread evenly over it, as
    /// Prometheus' `histogram_quantile` does. In the last bucket, which has no
    /// bound, the result is the bound before it.
    ///
    /// # Panics
    ///
    /// Panics unless `q` is between 0 and 1.
    #[track_caller]
    pub fn quantile(&self, q: f64) -> Option<Duration> {
        assert!(
            (0.0..=1.0).contains(&q),
            "invalid quantile {q}: must be 0 to 1"
        );
        let count = self.count();
        if count == 0 {
            return None;
        }
        let rank = q * count as f64;
        let mut below = 0;
        let nth = self.counts.iter().position(|count| {
            below += count;
            below as f64 >= rank && *count > 0
        })?;
        Some(self.within(nth, below, rank))
    }

    /// Returns the duration of this rank in the bucket `nth`, where `below`
    /// durations are in the buckets up to and including it.
    fn within(&self, nth: usize, below: u64, rank: f64) -> Duration {
        let from = nth.checked_sub(1).map_or(0, |nth| self.bounds[nth]);
        let Some(&to) = self.bounds.get(nth) else {
            return Duration::from_micros(from);
        };
        let count = self.counts[nth];
        let share = (rank - (below - count) as f64) / count as f64;
        Duration::from_secs_f64((from as f64 + (to - from) as f64 * share.max(0.0)) / 1e6)
    }

    /// Adds durations with the same bounds. Returns `false` and changes nothing
    /// if the bounds differ.
    pub(crate) fn add(&mut self, others: &Self) -> bool {
        let alike = self.bounds == others.bounds;
        if alike {
            let pairs = self.counts.iter_mut().zip(&others.counts);
            pairs.for_each(|(count, more)| *count += more);
            self.sum += others.sum;
        }
        alike
    }

    #[cfg(feature = "redis")]
    pub(crate) fn bounds(&self) -> &Arc<[u64]> {
        &self.bounds
    }

    /// Returns the counts of all buckets, and the sum in microseconds.
    #[cfg(any(test, feature = "redis"))]
    pub(crate) fn parts(&self) -> (&[u64], u64) {
        (&self.counts, self.sum)
    }

    pub(crate) fn parts_mut(&mut self) -> (&mut [u64], &mut u64) {
        (&mut self.counts, &mut self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_belongs_to_its_bucket() {
        let bounds: Arc<[u64]> = Arc::from([10, 20]);
        let histogram = Histogram::new(bounds.len());
        for micros in [0, 10, 11, 20, 21, 1_000] {
            histogram.record(&bounds, micros);
        }
        let read = histogram.read(&bounds);
        assert_eq!(read.parts(), (&[2, 2, 2][..], 1_062));
    }

    #[test]
    fn fourteen_bounds_are_two_lines() {
        assert_eq!(size_of_val(&*Histogram::new(14).lines), 128);
    }

    const MS: u64 = 1_000;

    fn of(counts: [u64; 4]) -> Durations {
        let mut durations = Durations::none(&Arc::from([10 * MS, 20 * MS, 40 * MS]));
        durations.parts_mut().0.copy_from_slice(&counts);
        durations
    }

    fn ms(ms: u64) -> Option<Duration> {
        Some(Duration::from_millis(ms))
    }

    #[test]
    fn quantiles_are_spread_evenly_over_a_bucket() {
        let durations = of([10, 10, 0, 0]);
        assert_eq!(durations.quantile(0.25), ms(5));
        assert_eq!(durations.quantile(0.5), ms(10));
        assert_eq!(durations.quantile(0.75), ms(15));
        assert_eq!(durations.quantile(1.0), ms(20));
        assert_eq!(of([0; 4]).quantile(0.5), None);
    }

    #[test]
    fn nothing_is_known_beyond_the_last_bound() {
        assert_eq!(of([0, 0, 1, 9]).quantile(0.9), ms(40));
    }

    #[test]
    fn a_quantile_is_never_in_an_empty_bucket() {
        assert_eq!(of([0, 4, 0, 0]).quantile(0.0), ms(10));
        assert_eq!(of([1, 0, 0, 1]).quantile(0.75), ms(40));
    }

    #[test]
    fn at_most_wants_a_bound() {
        let durations = of([1, 2, 3, 4]);
        assert_eq!(durations.at_most(Duration::from_millis(20)), Some(3));
        assert_eq!(durations.at_most(Duration::from_millis(25)), None);
    }

    #[test]
    fn only_those_of_the_same_bounds_add_up() {
        let mut durations = of([1, 2, 3, 4]);
        assert!(durations.add(&of([1, 0, 0, 1])));
        assert_eq!(durations, of([2, 2, 3, 5]));
        assert!(!durations.add(&Durations::none(&Arc::from([1]))));
    }
}
