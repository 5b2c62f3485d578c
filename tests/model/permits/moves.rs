//! The moves that are possible in a state.

use sluicegate::clock::Tick;

use super::{holder::Holder, world::State};

/// The events of a search, and their instants.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// The instants at which something happens, in real time.
    pub(crate) instants: Vec<Tick>,
    /// The limit of each holder.
    pub(crate) limits: [u8; 2],
    /// How many permits a holder asks for.
    pub(crate) wants: Vec<u8>,
    /// How many calls a holder makes at one instant.
    pub(crate) calls: u8,
    /// How many events there are at most: crashes, losses, and calls that come late
    /// or twice.
    pub(crate) events: u8,
    pub(crate) crashes: bool,
    pub(crate) losses: bool,
    pub(crate) delays: bool,
    /// By how much the server's clock steps back, once.
    pub(crate) step_back: Option<Tick>,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Wait,
    StepBack,
    Use(usize),
    Finish(usize),
    Call(usize, u8),
    /// The call is made, and its reply lost.
    CallIsLost(usize, u8),
    /// The call is made, and comes again later.
    CallTwice(usize, u8),
    /// The call comes later.
    Send(usize, u8),
    Deliver,
    Crash(usize),
}

impl Move {
    /// Whether a plan bounds how often it happens.
    pub(crate) fn is_rare(self) -> bool {
        use Move::{CallIsLost, CallTwice, Crash, Send};
        matches!(self, CallIsLost(..) | CallTwice(..) | Send(..) | Crash(_))
    }
}

/// Collects what can happen.
pub(crate) fn collect(plan: &Plan, state: &State, moves: &mut Vec<Move>) {
    for (nth, holder) in state.holders.iter().enumerate() {
        by_holder(plan, state, nth, holder, moves);
    }
    moves.extend(state.mail.map(|_| Move::Deliver));
    if plan.step_back.is_some() && !state.stepped_back {
        moves.push(Move::StepBack);
    }
    if usize::from(state.at) + 1 < plan.instants.len() {
        moves.push(Move::Wait);
    }
}

fn by_holder(plan: &Plan, state: &State, nth: usize, holder: &Holder, moves: &mut Vec<Move>) {
    if holder.admits() {
        moves.push(Move::Use(nth));
    }
    if holder.used + holder.outlived > 0 {
        moves.push(Move::Finish(nth));
    }
    let rare = state.events < plan.events;
    if rare && plan.crashes && *holder != Holder::default() {
        moves.push(Move::Crash(nth));
    }
    if state.calls[nth] == plan.calls {
        return;
    }
    for want in &plan.wants {
        moves.push(Move::Call(nth, *want));
        if rare && plan.losses {
            moves.push(Move::CallIsLost(nth, *want));
        }
        if rare && plan.delays && state.mail.is_none() {
            moves.extend([Move::Send(nth, *want), Move::CallTwice(nth, *want)]);
        }
    }
}
