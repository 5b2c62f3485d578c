//! The moves that are possible in a state.

use sluicegate::clock::Tick;

use super::world::{Instance, State};

/// The events of a search, and their instants.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    /// The instants at which something happens, in real time.
    pub(super) instants: Vec<Tick>,
    /// How many instances there are.
    pub(super) instances: usize,
    /// The maximum of the fleet.
    pub(super) max: u8,
    /// How old sums may be.
    pub(super) max_age: Tick,
    /// How high a bound an instance asks for.
    pub(super) wants: Vec<u8>,
    /// How many events there are at most, all of which are rare.
    pub(super) events: u8,
    pub(super) crashes: bool,
    pub(super) losses: bool,
    pub(super) delays: bool,
    /// The server loses its data.
    pub(super) flushes: bool,
    /// By how much the server's clock steps back, once.
    pub(super) step_back: Option<Tick>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Move {
    Wait,
    StepBack,
    Flush,
    Call(usize, u8),
    /// The call is made, and its reply lost.
    CallIsLost(usize, u8),
    /// The call is made, and comes again later.
    CallTwice(usize, u8),
    /// The call comes later.
    Send(usize, u8),
    Deliver,
    Leave(usize),
    Crash(usize),
}

impl Move {
    /// Whether a plan bounds how often it happens.
    pub(super) fn is_rare(self) -> bool {
        !matches!(
            self,
            Self::Wait | Self::Call(..) | Self::Deliver | Self::StepBack
        )
    }
}

/// Collects what can happen.
pub(super) fn collect(plan: &Plan, state: &State, moves: &mut Vec<Move>) {
    let rare = state.events < plan.events;
    for (nth, instance) in state.instances[..plan.instances].iter().enumerate() {
        if !state.has_called[nth] {
            calls(plan, rare && state.mail.is_none(), nth, moves);
        }
        if rare && plan.crashes && *instance != Instance::default() {
            moves.extend([Move::Crash(nth), Move::Leave(nth)]);
        }
    }
    moves.extend(state.mail.map(|_| Move::Deliver));
    if rare && plan.flushes {
        moves.push(Move::Flush);
    }
    if plan.step_back.is_some() && !state.stepped_back {
        moves.push(Move::StepBack);
    }
    if usize::from(state.at) + 1 < plan.instants.len() {
        moves.push(Move::Wait);
    }
}

fn calls(plan: &Plan, rare: bool, nth: usize, moves: &mut Vec<Move>) {
    for want in &plan.wants {
        moves.push(Move::Call(nth, *want));
        if rare && plan.losses {
            moves.push(Move::CallIsLost(nth, *want));
        }
        if rare && plan.delays {
            moves.extend([Move::Send(nth, *want), Move::CallTwice(nth, *want)]);
        }
    }
}
