//! The law for all requests that pass, by any way.

use std::{fmt::Debug, hash::Hash, mem};

use sluicegate::{clock::Tick, limit::Cost};

/// Counts the requests that have passed.
pub(crate) trait Law {
    type State: Copy + Eq + Hash + Debug;

    fn start(&self) -> Self::State;

    /// So many ticks went by, and the server's clock shows this instant.
    fn advance(&self, state: Self::State, ticks: Tick, clock: Tick) -> Self::State;

    /// Something passes, at an instant of the server's clock; or says how much too
    /// much that is.
    fn spend(&self, state: Self::State, clock: Tick, cost: Cost) -> Result<Self::State, String>;

    /// How much could pass at once.
    fn left(&self, state: Self::State, clock: Tick) -> Cost;

    fn credit(&self, state: Self::State, clock: Tick, cost: Cost) -> Self::State;

    fn reset(&self, state: Self::State, clock: Tick) -> Self::State;

    /// The bucket goes by this quota from now on. `unseen` says whether nothing
    /// was kept of it, and `out` what holders can still spend.
    fn retune(
        &self,
        state: Self::State,
        clock: Tick,
        quota: u8,
        unseen: bool,
        out: Cost,
    ) -> Self::State;
}

/// In no span passes more than a whole bucket and what comes in during it.
pub(crate) struct BucketLaw(pub(crate) Vec<Refill>);

/// Tokens a second, and tokens of a whole bucket.
#[derive(Clone, Copy)]
pub(crate) struct Refill {
    pub(crate) rate: i32,
    pub(crate) size: i32,
}

/// Of a token, so that each tick brings as many as there are tokens in a second.
const PARTS: i32 = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Level {
    parts: i32,
    quota: u8,
}

impl BucketLaw {
    fn whole(&self, quota: u8) -> i32 {
        self.0[quota as usize].size * PARTS
    }

    fn fill(&self, state: Level, parts: i64) -> Level {
        let whole = i64::from(self.whole(state.quota).max(state.parts));
        let parts = (i64::from(state.parts) + parts).min(whole) as i32;
        Level { parts, ..state }
    }
}

impl Law for BucketLaw {
    type State = Level;

    fn start(&self) -> Level {
        let (parts, quota) = (self.whole(0), 0);
        Level { parts, quota }
    }

    fn advance(&self, state: Level, ticks: Tick, _: Tick) -> Level {
        let rate = self.0[state.quota as usize].rate;
        self.fill(state, i64::from(rate) * ticks as i64)
    }

    fn spend(&self, state: Level, _: Tick, cost: Cost) -> Result<Level, String> {
        let parts = state.parts - cost as i32 * PARTS;
        match parts {
            ..0 => Err(format!("{} parts of a token too many", -parts)),
            _ => Ok(Level { parts, ..state }),
        }
    }

    fn left(&self, state: Level, _: Tick) -> Cost {
        (state.parts / PARTS) as Cost
    }

    fn credit(&self, state: Level, _: Tick, cost: Cost) -> Level {
        self.fill(state, cost as i64 * i64::from(PARTS))
    }

    fn reset(&self, state: Level, _: Tick) -> Level {
        self.fill(state, i64::from(i32::MAX))
    }

    /// It keeps its tokens, but no more than it holds or than are out.
    fn retune(&self, state: Level, _: Tick, quota: u8, unseen: bool, out: Cost) -> Level {
        let whole = self.whole(quota);
        let parts = match unseen && state.parts >= self.whole(state.quota) {
            true => whole,
            false => state.parts.min(whole.max(out as i32 * PARTS)),
        };
        Level { parts, quota }
    }
}

/// The requests of a window, and the weighed part of the window before, never
/// exceed the limit.
pub(crate) struct WindowLaw {
    pub(crate) limit: u64,
    /// By quota.
    pub(crate) widths: Vec<Tick>,
    pub(crate) slides: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Counts {
    quota: u8,
    /// The latest instant that the clock showed since something counts: it judges
    /// what is spent after a step back.
    at: Tick,
    previous: u64,
    current: u64,
}

impl WindowLaw {
    fn width(&self, state: Counts) -> Tick {
        self.widths[state.quota as usize]
    }

    /// The used amount, times the width.
    fn used(&self, state: Counts) -> u64 {
        let width = self.width(state);
        state.previous * (width - state.at % width) + state.current * width
    }

    /// The counts as of `clock`.
    fn view(&self, mut state: Counts, clock: Tick) -> Counts {
        let width = self.width(state);
        if state.previous == 0 && state.current == 0 {
            state.at = clock;
        }
        // After a step back of more than a window the rule takes all as of now.
        if state.at / width >= clock / width + 2 {
            state.current += mem::take(&mut state.previous);
            state.at = clock;
        }
        let later = (clock / width).saturating_sub(state.at / width);
        if later > 0 {
            let slides = self.slides && later == 1;
            state.previous = if slides { state.current } else { 0 };
            state.current = 0;
        }
        state.at = state.at.max(clock);
        state
    }
}

impl Law for WindowLaw {
    type State = Counts;

    fn start(&self) -> Counts {
        Counts {
            quota: 0,
            at: 0,
            previous: 0,
            current: 0,
        }
    }

    fn advance(&self, state: Counts, _: Tick, clock: Tick) -> Counts {
        let state = self.view(state, clock);
        match state.previous == 0 && state.current == 0 {
            true => Counts { at: 0, ..state },
            false => state,
        }
    }

    fn spend(&self, state: Counts, clock: Tick, cost: Cost) -> Result<Counts, String> {
        let mut state = self.view(state, clock);
        state.current += cost;
        let (used, room) = (self.used(state), self.limit * self.width(state));
        match used <= room {
            true => Ok(state),
            false => Err(format!("{used} of {room} parts")),
        }
    }

    fn left(&self, state: Counts, clock: Tick) -> Cost {
        let state = self.view(state, clock);
        let width = self.width(state);
        (self.limit * width).saturating_sub(self.used(state)) / width
    }

    fn credit(&self, state: Counts, clock: Tick, cost: Cost) -> Counts {
        let state = self.view(state, clock);
        let current = state.current.saturating_sub(cost);
        Counts { current, ..state }
    }

    fn reset(&self, state: Counts, clock: Tick) -> Counts {
        let state = self.view(state, clock);
        Counts {
            previous: 0,
            current: 0,
            ..state
        }
    }

    /// Requests from before count in the present window; the law is about later
    /// ones.
    fn retune(&self, _: Counts, _: Tick, quota: u8, _: bool, _: Cost) -> Counts {
        Counts {
            quota,
            ..self.start()
        }
    }
}
