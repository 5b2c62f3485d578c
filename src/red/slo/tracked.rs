//! The objectives of a registry with their histories. The registry asks them
//! for a sample when a request begins, and for reports.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use super::{
    events::Events,
    history::{History, STEP},
    report::SloReport,
    slo::{Measure, Slo},
};
use crate::{clock::Tick, red::registry::table::Table};

/// The objectives of a registry and their histories.
///
/// Samples are taken without a task: by a request that begins, or by a reader,
/// when one is due. If neither has come since it was due, no request has begun,
/// so the late sample holds for all of that time.
pub(crate) struct TrackedObjectives {
    /// In the order in which they were given.
    slos: Box<[NamedSlo]>,
    /// When the next sample is due, in ticks; never, without objectives.
    due: AtomicU64,
    /// One for each objective. Held while a sample is taken.
    histories: Mutex<Box<[History]>>,
}

/// An objective and its name.
#[derive(Clone, Debug)]
struct NamedSlo {
    name: Arc<str>,
    slo: Slo,
}

/// The objectives of a registry that is being built.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objectives(Vec<NamedSlo>);

impl Objectives {
    /// Adds an objective.
    ///
    /// # Panics
    ///
    /// Panics if another one has this name.
    #[track_caller]
    pub(crate) fn add(&mut self, name: &str, slo: Slo) {
        let twice = self.0.iter().any(|it| *it.name == *name);
        assert!(
            !twice,
            "invalid slo name {name:?}: must be one that no other slo has"
        );
        let name = name.into();
        self.0.push(NamedSlo { name, slo });
    }

    /// Begins to track the objectives in a registry whose histograms have these
    /// bounds.
    ///
    /// # Panics
    ///
    /// Panics if the threshold of a latency is not one of the bounds.
    #[track_caller]
    pub(crate) fn track(self, now: Tick, bounds: &[u64]) -> TrackedObjectives {
        for slo in &self.0 {
            slo.check(bounds);
        }
        let histories = self.0.iter().map(|it| History::new(now, it.slo.period));
        // Without objectives no sample is ever due, and `look` stays one
        // comparison.
        let due = if self.0.is_empty() {
            Tick::MAX
        } else {
            now.saturating_add(STEP)
        };
        TrackedObjectives {
            due: AtomicU64::new(due),
            histories: Mutex::new(histories.collect()),
            slos: self.0.into(),
        }
    }
}

impl NamedSlo {
    /// Panics if the threshold is not one of the bounds.
    #[track_caller]
    fn check(&self, bounds: &[u64]) {
        let Measure::Latency(threshold) = self.slo.measure else {
            return;
        };
        let bounds: Vec<_> = bounds.iter().map(|it| Duration::from_micros(*it)).collect();
        assert!(
            bounds.contains(&threshold),
            "invalid threshold {threshold:?} of the slo {:?}: must be a bound of the buckets, \
             {bounds:?}",
            self.name,
        );
    }
}

impl TrackedObjectives {
    /// Takes a sample if one is due. Called for each request that begins, so
    /// the usual case is one load and one comparison.
    #[inline]
    pub(crate) fn look(&self, now: Tick, table: &Table) {
        if now >= self.due.load(Relaxed) {
            self.sample(now, table);
        }
    }

    /// Takes a sample, unless another thread is doing it already.
    #[cold]
    fn sample(&self, now: Tick, table: &Table) {
        if let Ok(mut histories) = self.histories.try_lock() {
            self.note(&mut histories, now, &self.count(table));
        }
    }

    /// Adds a sample to the histories, and sets when the next one is due.
    fn note(&self, histories: &mut [History], now: Tick, counts: &[Events]) {
        let due = self.due.load(Relaxed);
        if now < due {
            return;
        }
        for (history, events) in histories.iter_mut().zip(counts) {
            history.note(due, now, *events);
        }
        // A late sample restarts the grid, so that a pause is not followed by a
        // burst of samples.
        let late = now - due;
        let last = if late >= STEP { now } else { due };
        self.due.store(last.saturating_add(STEP), Relaxed);
    }

    /// Counts the events of each objective. A series is read once, and only if
    /// an objective wants it.
    fn count(&self, table: &Table) -> Box<[Events]> {
        let mut counts: Box<[_]> = self.slos.iter().map(|_| Events::default()).collect();
        for series in table.all() {
            let (labels, mut read) = (series.labels(), None);
            for (NamedSlo { slo, .. }, events) in self.slos.iter().zip(&mut counts) {
                if slo.wants(labels) {
                    let read = read.get_or_insert_with(|| series.completions());
                    // Thresholds were checked to be bounds, so the count is
                    // never missing.
                    *events = *events + slo.counts_of(labels, read).unwrap_or_default();
                }
            }
        }
        counts
    }

    /// Takes a sample and reports on all objectives.
    pub(crate) fn report(&self, now: Tick, table: &Table) -> Vec<SloReport> {
        let mut histories = self
            .histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        // Counted with the lock held, so that histories get samples in the
        // order of their counts.
        let counts = self.count(table);
        self.note(&mut histories, now, &counts);
        let read = histories.iter().zip(counts);
        let report = |(it, (history, events)): (&NamedSlo, (&History, _))| {
            let within = |window| history.within(window, now, events);
            it.slo.report(&it.name, events, within)
        };
        self.slos.iter().zip(read).map(report).collect()
    }
}

impl fmt::Debug for TrackedObjectives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.slos).finish()
    }
}
