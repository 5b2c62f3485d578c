//! The exemplars of one completion: the last request of each bucket.

use std::{
    fmt,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, SystemTime},
};

use super::trace_id::TraceId;

/// A request of a bucket, by its trace: what to look at when the bucket grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(
    not(feature = "prometheus"),
    allow(dead_code, reason = "OpenMetrics reads it")
)]
pub(crate) struct Exemplar {
    // The first field, so that comparing exemplars compares their age.
    at: SystemTime,
    /// How long the request took.
    micros: u64,
    trace: TraceId,
}

#[cfg_attr(
    not(feature = "prometheus"),
    allow(dead_code, reason = "OpenMetrics reads it")
)]
impl Exemplar {
    /// Returns when the request ended.
    pub(crate) fn at(&self) -> SystemTime {
        self.at
    }

    /// Returns how long it took.
    pub(crate) fn duration(&self) -> Duration {
        Duration::from_micros(self.micros)
    }

    /// Returns its trace, which was sampled.
    pub(crate) fn trace(&self) -> TraceId {
        self.trace
    }
}

/// The exemplar of one bucket.
type Slot = Mutex<Option<Exemplar>>;

/// The last exemplar of each bucket. The memory is allocated for the first one.
#[derive(Default)]
pub(crate) struct Exemplars {
    /// One for each bucket. Each has a lock of its own, which is only ever
    /// tried.
    slots: OnceLock<Box<[Slot]>>,
}

impl Exemplars {
    /// Keeps an exemplar. If the bucket is being read or written at that
    /// moment, this one is lost instead: a request does not wait for it.
    #[cold]
    pub(crate) fn keep(&self, bounds: &[u64], micros: u64, trace: TraceId) {
        let make = || (0..=bounds.len()).map(|_| Slot::default()).collect();
        let slots = self.slots.get_or_init(make);
        let nth = bounds.partition_point(|bound| *bound < micros);
        if let Ok(mut slot) = slots[nth].try_lock() {
            let at = SystemTime::now();
            *slot = Some(Exemplar { at, micros, trace });
        }
    }

    /// Returns the exemplars by bucket; empty if there never was one.
    pub(crate) fn read(&self) -> Vec<Option<Exemplar>> {
        let slots = self.slots.get().into_iter().flatten();
        let read = |slot: &Slot| *slot.lock().unwrap_or_else(PoisonError::into_inner);
        slots.map(read).collect()
    }
}

/// Keeps the newer exemplar of each bucket.
pub(crate) fn newest(ours: &mut Vec<Option<Exemplar>>, theirs: &[Option<Exemplar>]) {
    ours.resize(ours.len().max(theirs.len()), None);
    let pairs = ours.iter_mut().zip(theirs);
    pairs.for_each(|(one, other)| *one = (*one).max(*other));
}

impl fmt::Debug for Exemplars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.read()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(last: u8) -> TraceId {
        TraceId::from_bytes([last; 16]).unwrap()
    }

    fn traces(read: Vec<Option<Exemplar>>) -> Vec<Option<TraceId>> {
        read.iter().map(|it| it.map(|it| it.trace)).collect()
    }

    #[test]
    fn each_bucket_keeps_its_last() {
        let exemplars = Exemplars::default();
        assert_eq!(exemplars.read(), []);
        for (micros, last) in [(5, 1), (10, 2), (21, 3)] {
            exemplars.keep(&[10, 20], micros, trace(last));
        }
        let expected = vec![Some(trace(2)), None, Some(trace(3))];
        assert_eq!(traces(exemplars.read()), expected);
    }

    #[test]
    fn recording_does_not_wait_for_a_reader() {
        let exemplars = Exemplars::default();
        exemplars.keep(&[10], 5, trace(1));
        let slots = exemplars.slots.get().unwrap();
        let reading = slots[0].lock().unwrap();
        exemplars.keep(&[10], 5, trace(2));
        drop(reading);
        assert_eq!(traces(exemplars.read())[0], Some(trace(1)));
    }

    #[test]
    fn of_two_stripes_the_newer_one_stays() {
        let (one, other) = (Exemplars::default(), Exemplars::default());
        one.keep(&[10], 5, trace(1));
        other.keep(&[10], 5, trace(2));
        other.keep(&[10], 50, trace(3));
        let later = SystemTime::now() + Duration::from_secs(60);
        let mut theirs = other.read();
        theirs[0].as_mut().unwrap().at = later;
        let expected = vec![Some(trace(2)), Some(trace(3))];
        for (mut ours, theirs) in [(one.read(), theirs.clone()), (theirs, one.read())] {
            newest(&mut ours, &theirs);
            assert_eq!(traces(ours), expected);
        }
    }
}
