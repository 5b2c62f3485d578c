//! The objectives of a registry, and what they had counted at earlier times.

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

/// The objectives of a registry, and what they had counted at earlier times.
///
/// Samples are taken by whoever comes when one is due: a request that begins, or
/// somebody who reads. When nobody came, nothing has begun, so that a late sample
/// tells what was counted all the time since it was due.
pub(crate) struct TrackedObjectives {
    slos: Box<[NamedSlo]>,
    /// When the next sample is; never, if there is no objective.
    due: AtomicU64,
    /// One for each. Held by whoever takes a sample.
    histories: Mutex<Box<[History]>>,
}

#[derive(Clone, Debug)]
struct NamedSlo {
    name: Arc<str>,
    slo: Slo,
}

/// Objectives that are still to be tracked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Objectives(Vec<NamedSlo>);

impl Objectives {
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

    /// From now on, by histograms of these bounds.
    #[track_caller]
    pub(crate) fn track(self, now: Tick, bounds: &[u64]) -> TrackedObjectives {
        for slo in &self.0 {
            slo.check(bounds);
        }
        let histories = self.0.iter().map(|it| History::new(now, it.slo.period));
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
    /// A request begins. Takes a sample if one is due, and nobody else does.
    #[inline]
    pub(crate) fn look(&self, now: Tick, table: &Table) {
        if now >= self.due.load(Relaxed) {
            self.sample(now, table);
        }
    }

    #[cold]
    fn sample(&self, now: Tick, table: &Table) {
        if let Ok(mut histories) = self.histories.try_lock() {
            self.note(&mut histories, now, &self.count(table));
        }
    }

    fn note(&self, histories: &mut [History], now: Tick, counts: &[Events]) {
        let due = self.due.load(Relaxed);
        if now < due {
            return;
        }
        for (history, events) in histories.iter_mut().zip(counts) {
            history.note(due, now, *events);
        }
        let late = now - due;
        let last = if late >= STEP { now } else { due };
        self.due.store(last.saturating_add(STEP), Relaxed);
    }

    /// Of each objective. A series is read once, and only if one wants it.
    fn count(&self, table: &Table) -> Box<[Events]> {
        let mut counts: Box<[_]> = self.slos.iter().map(|_| Events::default()).collect();
        for series in table.all() {
            let (labels, mut read) = (series.labels(), None);
            for (NamedSlo { slo, .. }, events) in self.slos.iter().zip(&mut counts) {
                if slo.wants(labels) {
                    let read = read.get_or_insert_with(|| series.completions());
                    // Thresholds are bounds, so none is missing.
                    *events = *events + slo.counts_of(labels, read).unwrap_or_default();
                }
            }
        }
        counts
    }

    pub(crate) fn report(&self, now: Tick, table: &Table) -> Vec<SloReport> {
        let mut histories = self
            .histories
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
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
