//! The state machine of a drain: pure, without clock, lock or request.
//!
//! ```text
//! Serving ─signal─► LameDuck ─time─► Draining ─time─► Told ─time─► LastWords ─time─► Aborting
//!    └──────── the server stops ────────┘ │            │               │              │
//!                                         └── idle ────┴───────────────┴─ or time ────┴─► Ended
//! a second signal: any of them ─► Aborting
//! ```

use tokio::time::Instant;

use super::{phase::Phase, schedule::Schedule};

/// Decides when a drain goes from one phase to the next.
#[derive(Clone, Debug)]
pub(crate) struct DrainMachine {
    schedule: Schedule,
    phase: Phase,
    /// When the drain began; `None` before that.
    begun: Option<Instant>,
    /// When aborting began; `None` before that.
    aborted: Option<Instant>,
}

impl DrainMachine {
    pub(crate) fn new(schedule: Schedule) -> Self {
        Self {
            schedule,
            phase: Phase::Serving,
            begun: None,
            aborted: None,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Returns when the drain began.
    pub(crate) fn begun(&self) -> Option<Instant> {
        self.begun
    }

    /// Returns by when everything has to be over: the end of the budget, or
    /// earlier after an abort.
    pub(crate) fn closes_at(&self) -> Option<Instant> {
        let whole = self.begun? + self.schedule.budget;
        let aborted = self.aborted.map(|at| at + self.schedule.closing);
        Some(aborted.map_or(whole, |at| at.min(whole)))
    }

    // ## Serving => LameDuck, any later phase => Aborting
    pub(crate) fn signal(&mut self, now: Instant) {
        match self.phase {
            Phase::Serving => {
                self.begun = Some(now);
                self.phase = Phase::LameDuck;
            }
            _ => self.abort(now),
        }
    }

    // ## any phase => Aborting
    pub(crate) fn abort(&mut self, now: Instant) {
        if self.phase < Phase::Aborting {
            self.begun.get_or_insert(now);
            self.aborted = Some(now);
            self.phase = Phase::Aborting;
        }
    }

    // ## (Serving | LameDuck) => Draining, because the server accepts no more
    pub(crate) fn stopped(&mut self, now: Instant) {
        if self.phase < Phase::Draining {
            self.begun.get_or_insert(now);
            self.phase = Phase::Draining;
        }
    }

    /// Goes on to the phase of this instant.
    pub(crate) fn advance(&mut self, now: Instant) {
        while let Some((at, next)) = self.next()
            && at <= now
        {
            if next == Phase::Aborting {
                // From now on, even if nothing ran in time: the server still
                // gets its time.
                self.aborted = Some(now);
            }
            self.phase = next;
        }
    }

    // ## (Draining | Told | LastWords | Aborting) => Ended, because nothing is
    // in flight. Before that, more requests may come.
    pub(crate) fn idle(&mut self) {
        if self.phase >= Phase::Draining {
            self.phase = Phase::Ended;
        }
    }

    /// Returns when the next phase begins, unless something happens before.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        self.next().map(|(at, _)| at)
    }

    fn next(&self) -> Option<(Instant, Phase)> {
        let (begun, schedule) = (self.begun?, &self.schedule);
        Some(match self.phase {
            Phase::Serving | Phase::Ended => return None,
            Phase::LameDuck => (begun + schedule.lame_duck, Phase::Draining),
            Phase::Draining => (begun + schedule.told_at(), Phase::Told),
            Phase::Told => (begun + schedule.last_words_at(), Phase::LastWords),
            Phase::LastWords => (begun + schedule.aborted_at(), Phase::Aborting),
            Phase::Aborting => (self.aborted? + schedule.aborting(), Phase::Ended),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A small generator (xorshift), so that a failure can be repeated.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }

        /// Returns a division of a budget, whose parts may be of no time.
        fn schedule(&mut self) -> Schedule {
            let mut part = |bound| Duration::from_millis(self.below(bound));
            let (lame_duck, cancelling, closing) = (part(5_000), part(3_000), part(2_000));
            let draining = part(9_000) + Duration::from_millis(1);
            Schedule {
                budget: lame_duck + draining + cancelling + closing,
                lame_duck,
                cancelling,
                closing,
                grace_period: None,
            }
        }
    }

    /// Lets time pass as the driver does: it advances at each instant that is
    /// due.
    fn pass(machine: &mut DrainMachine, now: Instant) {
        while let Some(at) = machine.wakes_at().filter(|at| *at <= now) {
            machine.advance(at);
        }
    }

    #[test]
    fn phases_never_go_back_and_the_budget_holds() {
        for seed in 1..20_000 {
            let mut random = Random(u64::wrapping_mul(seed, 0x9E37_79B9_7F4A_7C15));
            let schedule = random.schedule();
            let mut machine = DrainMachine::new(schedule);
            let (mut now, mut signals) = (Instant::now(), 0);
            for _ in 0..random.below(30) {
                let before = machine.phase();
                let event = random.below(16);
                match event {
                    0 => {
                        signals += 1;
                        machine.signal(now);
                        assert!(signals < 2 || machine.phase() >= Phase::Aborting);
                    }
                    1 if random.below(4) == 0 => machine.abort(now),
                    2 => machine.stopped(now),
                    3..6 => machine.idle(),
                    _ => now += Duration::from_millis(random.below(4_000)),
                }
                pass(&mut machine, now);
                assert!(machine.phase() >= before, "seed {seed}");
                check(&machine, schedule, now, seed);
            }
        }
    }

    /// Checks what holds at any instant at which everything due was done.
    fn check(machine: &DrainMachine, schedule: Schedule, now: Instant, seed: u64) {
        let Some(begun) = machine.begun() else {
            assert_eq!(machine.phase(), Phase::Serving);
            return;
        };
        let took = now - begun;
        for (bound, last) in [
            (schedule.lame_duck, Phase::LameDuck),
            (schedule.told_at(), Phase::Draining),
            (schedule.last_words_at(), Phase::Told),
            (schedule.aborted_at(), Phase::LastWords),
            (schedule.aborted_at() + schedule.aborting(), Phase::Aborting),
        ] {
            assert!(
                took < bound || machine.phase() > last,
                "seed {seed}: {machine:?}"
            );
        }
        let closes = machine.closes_at().unwrap();
        assert!(closes <= begun + schedule.budget, "seed {seed}");
    }

    #[test]
    fn a_drain_that_stays_busy_takes_exactly_its_stages() {
        let mut random = Random(7);
        for _ in 0..1_000 {
            let (schedule, begun) = (random.schedule(), Instant::now());
            let mut machine = DrainMachine::new(schedule);
            machine.signal(begun);
            let mut entered = Vec::new();
            while let Some(at) = machine.wakes_at() {
                machine.advance(at);
                entered.push((machine.phase(), at - begun));
            }
            for (phase, at) in [
                (Phase::Draining, schedule.lame_duck),
                (Phase::Told, schedule.told_at()),
                (Phase::LastWords, schedule.last_words_at()),
                (Phase::Aborting, schedule.aborted_at()),
                (Phase::Ended, schedule.aborted_at() + schedule.aborting()),
            ] {
                // A stage of no time is passed through at once.
                let first = entered.iter().find(|(reached, _)| *reached >= phase);
                assert_eq!(first.unwrap().1, at);
            }
        }
    }

    #[test]
    fn an_idle_server_serves_to_the_end_of_its_lame_duck() {
        let now = Instant::now();
        let mut machine = DrainMachine::new(Schedule::of(25 * SECOND));
        machine.idle();
        assert_eq!(machine.phase(), Phase::Serving);
        machine.signal(now);
        machine.advance(now + Duration::from_millis(4_999));
        machine.idle();
        assert_eq!(machine.phase(), Phase::LameDuck);
        machine.advance(now + 5 * SECOND);
        machine.idle();
        assert_eq!(machine.phase(), Phase::Ended);
    }

    #[test]
    fn a_second_signal_aborts_in_each_phase() {
        let begun = Instant::now();
        for seconds in [0, 5, 22, 23] {
            let mut machine = DrainMachine::new(Schedule::of(25 * SECOND));
            machine.signal(begun);
            let now = begun + seconds * SECOND;
            machine.advance(now);
            machine.signal(now);
            assert_eq!(machine.phase(), Phase::Aborting);
            assert_eq!(machine.closes_at(), Some(now + SECOND));
            machine.advance(now + SECOND / 2);
            assert_eq!(machine.phase(), Phase::Ended);
        }
    }
}
