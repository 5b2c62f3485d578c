//! Moves the cut-off of the limiter by what the layer sees of its requests.

use std::{
    fmt,
    sync::atomic::{AtomicU16, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    clock::{Clock, Tokio, ticks},
    concurrency::{
        priority::{CutOff, CutOffController, Rank},
        shed::Shed,
    },
    sync::{Mutex, lock},
};

/// The controller of a layer, and the cut-off that the limiter has.
pub(super) struct Shedder {
    clock: Tokio,
    controller: CutOffController,
    cut_off: Mutex<Rank>,
    /// The cut-off of operators that it follows.
    operators: AtomicU16,
}

impl Shedder {
    pub(super) fn new(settings: CutOff) -> Self {
        let clock = Tokio::new();
        Self {
            controller: CutOffController::new(settings, clock.now()),
            clock,
            cut_off: Mutex::new(Rank::LOWEST),
            operators: AtomicU16::new(Rank::LOWEST.index()),
        }
    }

    /// Counts an arrival, and sets the cut-off of the limiter if it moves before
    /// it.
    #[inline]
    pub(super) fn arrived(&self, rank: Rank, set: impl FnOnce(Rank)) {
        let has_ended = self.controller.arrived(rank, self.clock.now()).is_some();
        let operators = self.controller.of_operators().index();
        if has_ended || operators != self.operators.load(Relaxed) {
            self.follow(set);
        }
    }

    /// Sets the cut-off to that of the last window, or that of operators if it is
    /// higher. Threads whose requests end two windows in a row come here in any
    /// order, and the later cut-off stays.
    #[cold]
    fn follow(&self, set: impl FnOnce(Rank)) {
        let mut cut_off = lock(&self.cut_off);
        let operators = self.controller.of_operators();
        self.operators.store(operators.index(), Relaxed);
        let next = self.controller.cut_off().max(operators);
        if *cut_off != next {
            *cut_off = next;
            set(next);
        }
    }

    /// Counts a request that has its permit.
    #[inline]
    pub(super) fn admitted(&self, rank: Rank, waited: Duration) {
        self.controller.admitted(rank, ticks(waited));
    }

    /// Counts a refusal, unless it is one by the cut-off itself.
    pub(super) fn refused(&self, rank: Rank, shed: Shed, waited: Duration) {
        if shed != Shed::CutOff {
            self.controller.refused(rank, ticks(waited));
        }
    }
}

impl fmt::Debug for Shedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shedder")
            .field("cut_off", &*lock(&self.cut_off))
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Barrier, thread};

    use super::*;

    /// Ends a window in which every second request was refused.
    fn overload(shedder: &Shedder, set: impl Fn(Rank)) {
        for nth in 0..2_000 {
            let rank = Rank::at(nth % 512);
            shedder.arrived(rank, &set);
            match nth % 2 {
                0 => shedder.admitted(rank, Duration::ZERO),
                _ => shedder.refused(rank, Shed::Full, Duration::ZERO),
            }
        }
    }

    #[test]
    fn a_thread_that_is_slow_to_set_a_cut_off_does_not_undo_a_later_one() {
        let shedder = &Shedder::new(CutOff::new());
        let of_limiter = &Mutex::new(Rank::LOWEST);
        let (is_setting, goes_on) = (&Barrier::new(2), &Barrier::new(2));
        overload(shedder, |_| unreachable!("within the first window"));
        thread::scope(|scope| {
            scope.spawn(|| {
                shedder.arrived(Rank::HIGHEST, |next| {
                    is_setting.wait();
                    goes_on.wait();
                    *lock(of_limiter) = next;
                });
            });
            is_setting.wait();
            let first = shedder.controller.cut_off();
            let other = scope.spawn(|| {
                for _ in 0..2 {
                    overload(shedder, |next| *lock(of_limiter) = next);
                }
            });
            while shedder.controller.cut_off() == first {
                thread::yield_now();
            }
            goes_on.wait();
            other.join().unwrap();
        });
        assert_eq!(*lock(of_limiter), shedder.controller.cut_off());
    }
}
