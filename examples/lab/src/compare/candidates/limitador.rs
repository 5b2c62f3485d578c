//! A model of the window of `limitador` in memory, which reads the clock of the
//! system.

use sluicegate::{clock::Tick, limit::Quota};

use super::player::{Answer, Player};

/// A window that begins with the first request after the last one has ended.
/// Refused requests are not counted.
///
/// Its rule is that of `AtomicExpiringValue` in the source of limitador.
#[derive(Clone, Debug)]
pub struct LimitadorWindow {
    limit: u64,
    period: Tick,
    /// The count and the end of the window of each bucket.
    windows: Vec<(u64, Tick)>,
}

impl LimitadorWindow {
    /// A model with this many buckets.
    pub fn new(quota: Quota, buckets: usize) -> Self {
        Self {
            limit: quota.amount(),
            period: quota.period().as_micros() as Tick,
            windows: vec![(0, 0); buckets],
        }
    }
}

impl Player for LimitadorWindow {
    fn ask(&mut self, bucket: usize, now: Tick) -> Answer {
        let (count, end) = &mut self.windows[bucket];
        if *end <= now {
            (*count, *end) = (0, now + self.period);
        }
        if *count == self.limit {
            // Its headers have the time left in whole seconds, rounded down.
            let left = *end - now;
            return Answer::Refuse {
                retry: Some(left - left % super::player::SECOND),
            };
        }
        *count += 1;
        Answer::Pass { wait: 0 }
    }
}

pub(super) fn limitador(quota: Quota, buckets: usize) -> Box<dyn Player> {
    Box::new(LimitadorWindow::new(quota, buckets))
}
