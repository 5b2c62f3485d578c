//! A fleet: the requests of all instances in a span of time.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
    vec,
};

use ::redis::Value;

use super::{totals::Totals, windows::WindowSums};
use crate::{
    clock::Tick,
    red::{
        Snapshot,
        fleet::{in_flight, reply::text},
    },
};

/// The requests that a fleet has counted in a span of time.
///
/// ```no_run
/// # async fn read(metrics: &sluicegate::red::Redis) -> Result<(), sluicegate::redis::Error> {
/// use std::time::Duration;
///
/// let fleet = metrics.read(Duration::from_secs(300)).await?;
/// let slow = fleet.snapshot.durations().and_then(|it| it.quantile(0.99));
/// println!("{:.1}/s, p99 {slow:?}, errors {:?}", fleet.rate(), fleet.error_ratio());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Fleet {
    /// The requests of all instances that ended in the span, also of instances
    /// that are gone. Those that started are these and the requests that living
    /// instances have in flight now. [`overflowed`](Snapshot::overflowed) is
    /// that of the instance with the most.
    pub snapshot: Snapshot,
    /// The instances that are alive, in the order of their ids.
    pub instances: Vec<Instance>,
    /// The time since the first window that was read began: the span, and up to
    /// 10 seconds more (for spans longer than 20 minutes, up to 10 minutes).
    pub covered: Duration,
    /// When it was read, by the server's clock.
    pub at: SystemTime,
    /// How many entries this version does not understand: a newer version wrote
    /// them, or another program.
    pub skipped: u64,
}

/// A process that counts, or one of its handles.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// Its name, if it has one, and a random part that is never the same twice.
    pub id: String,
    /// How many requests started since it began.
    pub started: u64,
    /// How many of them had not ended at its last flush.
    pub in_flight: u64,
}

impl Fleet {
    /// Returns how many requests ended per second, averaged over the
    /// [covered](Self::covered) time; 0 if no time is covered.
    ///
    /// ```
    /// use sluicegate::red::Fleet;
    ///
    /// let fleet = Fleet::default();
    /// assert_eq!((fleet.rate(), fleet.error_ratio()), (0.0, None));
    /// ```
    pub fn rate(&self) -> f64 {
        match self.covered.as_secs_f64() {
            0.0 => 0.0,
            secs => self.snapshot.ended() as f64 / secs,
        }
    }

    /// Returns the share of ended requests that have
    /// [failed](Snapshot::failed); `None` if none has ended.
    pub fn error_ratio(&self) -> Option<f64> {
        let (failed, ended) = (self.snapshot.failed(), self.snapshot.ended());
        (ended > 0).then(|| failed as f64 / ended as f64)
    }

    /// Returns how many requests have not ended, as the living instances
    /// reported.
    pub fn in_flight(&self) -> u64 {
        let each = self.instances.iter().map(|it| it.in_flight);
        each.fold(0, u64::saturating_add)
    }
}

/// An empty fleet, read at the epoch.
impl Default for Fleet {
    fn default() -> Self {
        Self {
            snapshot: Snapshot::default(),
            instances: Vec::new(),
            covered: Duration::ZERO,
            at: SystemTime::UNIX_EPOCH,
            skipped: 0,
        }
    }
}

/// A [`Fleet`] whose windows have not been read yet.
#[derive(Default)]
pub(crate) struct FleetBuilder {
    /// The series, as far as they are read.
    totals: Totals,
    instances: Vec<Instance>,
    /// The largest number of any instance: the label sets of instances overlap,
    /// so adding them up would count most of them twice.
    overflowed: u64,
    skipped: u64,
}

impl FleetBuilder {
    /// Adds the record of one instance.
    pub(crate) fn add(&mut self, mut record: vec::IntoIter<Value>) {
        let [id, started, overflowed, flight] = [(); 4].map(|()| text(record.next()));
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let started: Option<u64> = number(started);
        // An instance that is just leaving has no fields but its id.
        let (Some(id), Some(started)) = (id, started) else {
            return self.skipped += 1;
        };
        self.overflowed = self.overflowed.max(number(overflowed).unwrap_or_default());
        let in_flight = self.flight(&flight.unwrap_or_default());
        self.instances.push(Instance {
            id,
            started,
            in_flight,
        });
    }

    /// Adds the requests that an instance has in flight. Returns how many.
    fn flight(&mut self, text: &str) -> u64 {
        let mut in_flight: u64 = 0;
        for line in in_flight::read(text) {
            let Some((labels, count)) = line else {
                self.skipped += 1;
                continue;
            };
            in_flight = in_flight.saturating_add(count);
            self.totals.in_flight(labels, count);
        }
        in_flight
    }

    /// Adds the windows, and returns the fleet.
    pub(crate) fn fleet(
        mut self,
        mut windows: WindowSums,
        now: Tick,
        covered: Duration,
        bounds: &Arc<[u64]>,
    ) -> Fleet {
        for (series, durations) in windows.all() {
            self.totals.add(series, durations);
        }
        self.instances.sort_by(|one, other| one.id.cmp(&other.id));
        Fleet {
            snapshot: self.totals.snapshot(bounds, self.overflowed),
            instances: self.instances,
            covered,
            at: SystemTime::UNIX_EPOCH + Duration::from_micros(now),
            skipped: self.skipped + windows.skipped,
        }
    }
}
