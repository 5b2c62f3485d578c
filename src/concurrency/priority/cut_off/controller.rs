//! Moves the cut-off from window to window. A gate with a cut-off owns one, and
//! tells it of each arrival, admission and refusal.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::{
    settings::CutOff,
    window::{ClosedWindow, RankWindow},
};
use crate::{
    clock::Tick,
    concurrency::priority::rank::Rank,
    criticality::Criticality,
    sync::{Mutex, lock, try_lock},
};

/// The requests that end a window, however short it is.
const MAX_REQUESTS: u32 = 2_000;
/// The requests that a window has at least, unless it is very long.
const MIN_REQUESTS: u32 = 20;
/// The windows after which one ends with fewer requests.
const MAX_WINDOWS: Tick = 10;
/// The step in an overload, in percent of the arrivals above the cut-off.
const DOWN_PERCENT: u64 = 5;
/// The first step without overload, in percent of the arrivals above the cut-off.
const UP_PERCENT: u64 = 1;
/// How often the step without overload doubles.
const MAX_DOUBLINGS: u32 = 6;
/// The share of requests that the limit refuses without overload, in percent.
const REFUSED_PERCENT: u64 = 20;
/// The share of a level that the limit refuses without overload, while a lower
/// level is admitted.
const WRONGED_PER_MILLE: u64 = 1;
/// The ranks of a level.
const LEVEL_RANKS: u16 = Rank::COHORTS as u16;

/// Decides the cut-off by what happened in the last window.
///
/// Counting takes atomic additions only. The thread whose request ends a window
/// closes it, while others go on counting.
pub(crate) struct CutOffController {
    settings: CutOff,
    window: RankWindow,
    /// When the window began.
    begun: AtomicU64,
    /// The arrivals in the window.
    arrived: AtomicU32,
    steps: Mutex<Steps>,
}

/// The state that is carried from window to window.
#[derive(Debug)]
struct Steps {
    cut_off: Rank,
    /// Windows without overload in a row.
    calm: u32,
}

impl CutOffController {
    /// Begins at `now`, with a cut-off that sheds nothing.
    pub(crate) fn new(settings: CutOff, now: Tick) -> Self {
        Self {
            settings,
            window: RankWindow::new(),
            begun: AtomicU64::new(now),
            arrived: AtomicU32::new(0),
            steps: Mutex::new(Steps {
                cut_off: Rank::LOWEST,
                calm: 0,
            }),
        }
    }

    /// Counts a request that arrives. Returns the next cut-off if a window ends
    /// before it.
    #[inline]
    pub(crate) fn arrived(&self, rank: Rank, now: Tick) -> Option<Rank> {
        let next = match self.has_ended(now) {
            true => self.close(now),
            false => None,
        };
        self.window.arrived(rank);
        self.arrived.fetch_add(1, Relaxed);
        next
    }

    /// Returns the cut-off of operators, which no window moves.
    #[inline]
    pub(crate) fn of_operators(&self) -> Rank {
        self.settings.of_operators()
    }

    /// Counts a request that gets a permit after this wait.
    #[inline]
    pub(crate) fn admitted(&self, rank: Rank, waited: Tick) {
        self.window.admitted(rank, waited);
    }

    /// Counts a request that the limit refuses after this wait: at once, or in
    /// the queue.
    pub(crate) fn refused(&self, rank: Rank, waited: Tick) {
        self.window.refused(rank, waited);
    }

    /// Returns the cut-off after the last window.
    pub(crate) fn cut_off(&self) -> Rank {
        lock(&self.steps).cut_off
    }

    #[inline]
    fn has_ended(&self, now: Tick) -> bool {
        let arrived = self.arrived.load(Relaxed);
        let age = now.saturating_sub(self.begun.load(Relaxed));
        let is_old = age >= self.settings.window && arrived >= MIN_REQUESTS;
        is_old || arrived >= MAX_REQUESTS || age >= self.longest()
    }

    /// Returns the age at which a window ends in any case.
    fn longest(&self) -> Tick {
        self.settings.window.saturating_mul(MAX_WINDOWS)
    }

    /// Closes the window. Returns the next cut-off; `None` if another thread
    /// closes it.
    #[cold]
    fn close(&self, now: Tick) -> Option<Rank> {
        let mut steps = try_lock(&self.steps)?;
        // Another thread may have closed it since.
        if !self.has_ended(now) {
            return None;
        }
        let age = now.saturating_sub(self.begun.swap(now, Relaxed));
        self.arrived.store(0, Relaxed);
        let closed = self.window.close();
        steps.move_by(&closed, self.settings.target_wait, age >= self.longest());
        Some(steps.cut_off)
    }
}

impl Steps {
    /// Moves the cut-off by the counts of a window. After an idle window without
    /// overload it sheds nothing.
    fn move_by(&mut self, closed: &ClosedWindow, target_wait: Tick, is_idle: bool) {
        let kept = closed.kept(self.cut_off);
        let wronged = closed.wronged_level(WRONGED_PER_MILLE);
        if let Some(most) = self.most(closed, wronged, target_wait) {
            self.calm = 0;
            let by_step = kept - kept * DOWN_PERCENT / 100;
            let spare = match wronged {
                Some(_) => 100 - DOWN_PERCENT,
                None => 100 + REFUSED_PERCENT,
            };
            let by_capacity = closed.admitted() * spare / 100;
            let next = closed.rank_of(by_step.min(by_capacity));
            self.cut_off = next.min(most).max(self.cut_off);
            return;
        }
        let step = (kept * UP_PERCENT / 100).max(1) << self.calm;
        self.calm = (self.calm + 1).min(MAX_DOUBLINGS);
        self.cut_off = match is_idle {
            true => Rank::LOWEST,
            false => closed.rank_of(kept + step).min(self.cut_off),
        };
    }

    /// Returns the highest cut-off that an overload justifies; `None` without an
    /// overload. A level for which there is none is not shed.
    fn most(
        &self,
        closed: &ClosedWindow,
        wronged: Option<Criticality>,
        target_wait: Tick,
    ) -> Option<Rank> {
        let lowest = |level| Rank::new(level, Rank::COHORTS - 1);
        let overloaded = closed.overloaded_level(target_wait, REFUSED_PERCENT, self.cut_off);
        let above = overloaded.map(|level| Rank::at(lowest(level).index() + LEVEL_RANKS));
        above.max(wronged.map(lowest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::criticality::Criticality::{Critical, Sheddable};

    const SECOND: Tick = 1_000_000;

    fn controller() -> CutOffController {
        CutOffController::new(CutOff::new(), 0)
    }

    /// Serves at most `capacity` requests a second and 50 at once, without a
    /// queue.
    struct Server {
        controller: CutOffController,
        now: Tick,
        cut_off: Rank,
        capacity: u64,
    }

    impl Server {
        fn new(capacity: u64) -> Self {
            Self {
                controller: controller(),
                now: 0,
                cut_off: Rank::LOWEST,
                capacity,
            }
        }

        /// Returns the requests of each level that were served.
        fn second(&mut self, load: &[(Criticality, u64)]) -> Vec<u64> {
            let total: u64 = load.iter().map(|(_, total)| total).sum();
            let mut served = vec![0; load.len()];
            let mut credit = 50 * total;
            for nth in 0..total {
                let now = self.now + nth * SECOND / total;
                // A prime step mixes the levels.
                let mut at = nth * 7_919 % total;
                let is_here = |(_, share): &(Criticality, u64)| {
                    let is_here = at < *share;
                    at = at.wrapping_sub(*share);
                    is_here
                };
                let class = load.iter().position(is_here).unwrap_or(0);
                let cohort = (nth.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 57) as u8;
                let rank = Rank::new(load[class].0, cohort);
                if let Some(next) = self.controller.arrived(rank, now) {
                    self.cut_off = next;
                }
                credit = (credit + self.capacity).min(50 * total);
                if rank < self.cut_off {
                    continue;
                }
                match credit >= total {
                    true => {
                        credit -= total;
                        served[class] += 1;
                        self.controller.admitted(rank, 0);
                    }
                    false => self.controller.refused(rank, 0),
                }
            }
            self.now += SECOND;
            served
        }
    }

    #[test]
    fn a_calm_service_sheds_nothing() {
        let mut server = Server::new(1_000);
        for _ in 0..20 {
            assert_eq!(
                server.second(&[(Critical, 300), (Sheddable, 300)]),
                [300, 300]
            );
            assert_eq!(server.cut_off, Rank::LOWEST);
        }
    }

    #[test]
    fn the_cut_off_moves_only_between_windows() {
        let controller = controller();
        for nth in 0..1_999 {
            assert_eq!(controller.arrived(Rank::LOWEST, nth % SECOND), None);
            controller.refused(Rank::LOWEST, 50_000);
        }
        assert_eq!(controller.arrived(Rank::LOWEST, 0), None);
        assert!(
            controller.arrived(Rank::LOWEST, 0).is_some(),
            "2,000 requests"
        );
        for _ in 0..18 {
            assert_eq!(controller.arrived(Rank::LOWEST, SECOND), None);
        }
        // The 20th request of the window, and a second since its begin.
        assert_eq!(controller.arrived(Rank::LOWEST, SECOND - 1), None);
        assert!(controller.arrived(Rank::LOWEST, SECOND).is_some());
        // Fewer than 20 requests end a window after ten seconds.
        assert_eq!(controller.arrived(Rank::LOWEST, 10 * SECOND), None);
        assert!(controller.arrived(Rank::LOWEST, 11 * SECOND).is_some());
    }

    #[test]
    fn an_overload_sheds_the_low_level_by_the_share_that_does_not_fit() {
        let mut server = Server::new(1_000);
        let load = [(Critical, 300), (Sheddable, 3_600)];
        server.second(&load);
        let mut critical = 0;
        for _ in 0..30 {
            let served = server.second(&load);
            assert_eq!(server.cut_off.criticality(), Sheddable, "{served:?}");
            assert!(served.iter().sum::<u64>() >= 950, "{served:?}");
            critical += served[0];
        }
        // The limit, which knows no ranks, refuses a few in some windows.
        assert!(critical >= 30 * 300 * 95 / 100, "{critical}");
    }

    #[test]
    fn all_is_admitted_again_within_ten_windows() {
        let mut server = Server::new(333);
        for _ in 0..60 {
            server.second(&[(Critical, 300), (Sheddable, 3_600)]);
        }
        assert!(server.cut_off > Rank::LOWEST);
        server.capacity = 1_000;
        let calm = [(Critical, 300), (Sheddable, 300)];
        let seconds = (1..60).find(|_| server.second(&calm) == [300, 300]);
        assert!(seconds.unwrap() <= 10, "{seconds:?}");
    }

    #[test]
    fn an_idle_time_without_overload_ends_the_shedding() {
        let mut server = Server::new(10);
        for _ in 0..5 {
            server.second(&[(Critical, 300), (Sheddable, 3_600)]);
        }
        assert!(server.cut_off > Rank::LOWEST);
        let first = server.controller.arrived(Rank::LOWEST, server.now);
        let second = server
            .controller
            .arrived(Rank::LOWEST, server.now + 20 * SECOND);
        let third = server
            .controller
            .arrived(Rank::LOWEST, server.now + 40 * SECOND);
        assert_eq!(third.or(second).or(first), Some(Rank::LOWEST));
    }

    #[test]
    fn the_highest_rank_with_requests_is_never_shed() {
        // All requests are of one rank, and none is served.
        let mut server = Server::new(0);
        for _ in 0..10 {
            let controller = &server.controller;
            for nth in 0..100 {
                let next = controller.arrived(Rank::default(), server.now + nth);
                server.cut_off = next.unwrap_or(server.cut_off);
                assert!(Rank::default() >= server.cut_off);
                controller.refused(Rank::default(), 0);
            }
            server.now += SECOND;
        }
    }

    #[test]
    fn a_window_without_overload_never_raises_the_cut_off() {
        let controller = controller();
        for window in 1..10 {
            for nth in 0..100 {
                let rank = Rank::new(Sheddable, nth);
                controller.arrived(rank, window * SECOND);
                // The limit refuses 4 %, which does not count as an overload.
                match nth % 25 {
                    0 => controller.refused(rank, 0),
                    _ => controller.admitted(rank, 0),
                }
            }
            let next = controller.arrived(Rank::HIGHEST, (window + 1) * SECOND);
            assert_eq!(next.unwrap_or(Rank::LOWEST), Rank::LOWEST);
        }
    }
}
