//! What a fleet has counted.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
    vec,
};

use ::redis::Value;

use super::{totals::Totals, windows::WindowSums};
use crate::red::fleet::{in_flight, reply::text};
use crate::{clock::Tick, red::Snapshot};

/// What a fleet has counted in a span of time.
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
    /// What has ended in the span, of all instances, also of those that have gone
    /// since. What was started is that, and what the living have in flight now;
    /// [`overflowed`](Snapshot::overflowed) is that of the instance with the most.
    pub snapshot: Snapshot,
    /// The instances that are alive, in the order of their ids.
    pub instances: Vec<Instance>,
    /// How long it is since the first window began that was read: the span, and up
    /// to 10 seconds more (of spans longer than 20 minutes: up to 10 minutes).
    pub covered: Duration,
    /// When it was read, by the server's clock.
    pub at: SystemTime,
    /// How much there was that this version does not know: what newer ones write,
    /// and what is none of theirs.
    pub skipped: u64,
}

/// A process that counts, or a handle in it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// Its name, if it was given one, and what is never the same twice.
    pub id: String,
    /// How many requests were started since it began.
    pub started: u64,
    /// How many of them had not ended when it flushed last.
    pub in_flight: u64,
}

impl Fleet {
    /// How many requests ended in a second, in the mean of all the time that is
    /// [covered](Self::covered); 0 of no time at all.
    pub fn rate(&self) -> f64 {
        match self.covered.as_secs_f64() {
            0.0 => 0.0,
            secs => self.snapshot.ended() as f64 / secs,
        }
    }

    /// Which share of the requests that ended have [failed](Snapshot::failed);
    /// `None` if none has ended.
    pub fn error_ratio(&self) -> Option<f64> {
        let (failed, ended) = (self.snapshot.failed(), self.snapshot.ended());
        (ended > 0).then(|| failed as f64 / ended as f64)
    }

    /// How many requests have not ended, by the word of the instances that are alive.
    pub fn in_flight(&self) -> u64 {
        let each = self.instances.iter().map(|it| it.in_flight);
        each.fold(0, u64::saturating_add)
    }
}

/// Nothing, never.
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

/// A [`Fleet`] of which the windows are still to be read.
#[derive(Default)]
pub(crate) struct FleetBuilder {
    totals: Totals,
    instances: Vec<Instance>,
    overflowed: u64,
    skipped: u64,
}

impl FleetBuilder {
    /// The words of one instance.
    pub(crate) fn add(&mut self, mut told: vec::IntoIter<Value>) {
        let [id, started, overflowed, flight] = [(); 4].map(|()| text(told.next()));
        let number = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let started: Option<u64> = number(started);
        // Of one that has gone in the meantime, there is nothing but the id.
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
