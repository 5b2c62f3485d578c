//! The moves that are possible in a state.

use sluicegate::limit::Cost;

use crate::{fleet::State, plan::Plan, share::Share};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Wait,
    StepBack,
    Spend(usize),
    Lease(usize, Cost),
    LeaseIsLost(usize, Cost),
    SendLease(usize, Cost),
    Return(usize),
    SendReturn(usize),
    Deliver,
    Crash(usize),
    Check(u8, Cost),
    Charge(Cost),
    Undo,
    Keep,
    Credit(Cost),
    Debit(Cost),
    Reset,
}

impl Move {
    /// Whether a plan bounds how often it happens.
    pub(crate) fn is_rare(self) -> bool {
        use Move::{Charge, Crash, Credit, Debit, LeaseIsLost, Reset, SendLease, SendReturn};
        matches!(
            self,
            Charge(_)
                | Crash(_)
                | Credit(_)
                | Debit(_)
                | LeaseIsLost(..)
                | Reset
                | SendLease(..)
                | SendReturn(_)
        )
    }
}

/// Collects what can happen, where there are so many quotas.
pub(crate) fn collect<S>(plan: &Plan, quotas: u8, state: &State<S>, moves: &mut Vec<Move>) {
    // Holders that are the same would do the same.
    let alike = quotas == 1 && state.holders[0] == state.holders[1];
    for holder in usize::from(alike)..2 {
        by_holder(plan, state, holder, moves);
    }
    by_others(plan, quotas, state, moves);
}

fn by_holder<S>(plan: &Plan, state: &State<S>, holder: usize, moves: &mut Vec<Move>) {
    let share = &state.holders[holder];
    let rare = state.events < plan.events;
    for want in &plan.wants {
        moves.push(Move::Lease(holder, *want));
        if rare && plan.losses {
            moves.push(Move::LeaseIsLost(holder, *want));
        }
        if rare && plan.delays && state.mail.is_none() {
            moves.push(Move::SendLease(holder, *want));
        }
    }
    if share.left > 0 {
        moves.push(Move::Spend(holder));
    }
    if *share == Share::NONE {
        return;
    }
    moves.push(Move::Return(holder));
    if rare && plan.delays && state.mail.is_none() {
        moves.push(Move::SendReturn(holder));
    }
    if rare && plan.crashes {
        moves.push(Move::Crash(holder));
    }
}

fn by_others<S>(plan: &Plan, quotas: u8, state: &State<S>, moves: &mut Vec<Move>) {
    for quota in 0..quotas {
        moves.extend(plan.checks.iter().map(|cost| Move::Check(quota, *cost)));
    }
    if state.events < plan.events {
        moves.extend(plan.credits.iter().copied().map(Move::Credit));
        moves.extend(plan.debits.iter().copied().map(Move::Debit));
        moves.extend(plan.resets.then_some(Move::Reset));
        let charges = plan.charges.iter().filter(|_| state.charge.is_none());
        moves.extend(charges.copied().map(Move::Charge));
    }
    if state.charge.is_some() {
        moves.extend([Move::Undo, Move::Keep]);
    }
    moves.extend(state.mail.map(|_| Move::Deliver));
    if usize::from(state.steps_back) < plan.steps_back.len() {
        moves.push(Move::StepBack);
    }
    if usize::from(state.at) + 1 < plan.instants.len() {
        moves.push(Move::Wait);
    }
}
