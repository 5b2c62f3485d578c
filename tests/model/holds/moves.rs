//! The moves that are possible in a state.

use super::{
    plan::Plan,
    slot::{Holder, Slot},
    world::State,
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Move {
    Wait,
    Check(u8),
    /// An estimate, and whether an orphan is given back.
    Hold(u8, bool),
    /// A charge that may be taken back.
    Charge(u8),
    /// The reply never arrives.
    HoldIsLost(u8, bool),
    /// Which hold, and its real cost.
    Settle(usize, u8),
    SendSettle(usize, u8),
    /// It arrives again later.
    SettleTwice(usize, u8),
    Deliver(usize),
    Crash(usize),
    Credit(u8),
    Reset,
    Lease,
    Spend,
    Return,
    StepBack,
}

impl Move {
    /// Whether a plan bounds how often it happens.
    pub(crate) fn is_rare(self) -> bool {
        use Move::{Crash, Credit, HoldIsLost, Lease, Reset, SendSettle, SettleTwice};
        matches!(
            self,
            Crash(_)
                | Credit(_)
                | HoldIsLost(..)
                | Lease
                | Reset
                | SendSettle(..)
                | SettleTwice(..)
        )
    }
}

/// `is_remembered` if the bucket is there, or has no charge that could be taken back.
pub(crate) fn collect(plan: &Plan, state: &State, is_remembered: bool, moves: &mut Vec<Move>) {
    let rare = state.events < plan.events;
    moves.extend(plan.checks.iter().copied().map(Move::Check));
    if state.made < plan.holds && state.slots.iter().any(Option::is_none) {
        moves.extend(plan.charges.iter().copied().map(Move::Charge));
        for (cost, gives_back) in holds(plan) {
            moves.push(Move::Hold(cost, gives_back));
            if rare && plan.crashes {
                moves.push(Move::HoldIsLost(cost, gives_back));
            }
        }
    }
    for (place, slot) in state.slots.iter().enumerate() {
        if let Some(slot) = slot {
            by_holder(plan, rare, place, slot, moves);
        }
    }
    if rare {
        moves.extend(plan.credits.iter().copied().map(Move::Credit));
        moves.extend(plan.resets.then_some(Move::Reset));
    }
    if plan.leases {
        match state.lease {
            None if rare => moves.push(Move::Lease),
            None => {}
            Some((lease, _)) => {
                moves.extend((lease.left > 0).then_some(Move::Spend));
                moves.push(Move::Return);
            }
        }
    }
    if is_remembered && usize::from(state.steps_back) < plan.steps_back.len() {
        moves.push(Move::StepBack);
    }
    if usize::from(state.at) + 1 < plan.instants.len() {
        moves.push(Move::Wait);
    }
}

fn holds(plan: &Plan) -> impl Iterator<Item = (u8, bool)> {
    let each = |cost: &u8| {
        plan.gives_back.iter().map({
            let cost = *cost;
            move |gives_back| (cost, *gives_back)
        })
    };
    plan.estimates.iter().flat_map(each)
}

fn by_holder(plan: &Plan, rare: bool, place: usize, slot: &Slot, moves: &mut Vec<Move>) {
    match slot.holder {
        Holder::Gone => {}
        Holder::HasSent(_) => moves.push(Move::Deliver(place)),
        Holder::Works if slot.is_undone => {
            moves.extend([Move::Settle(place, 0), Move::Settle(place, slot.cost)]);
        }
        Holder::Works => {
            for actual in &plan.actuals {
                moves.push(Move::Settle(place, *actual));
                if rare && plan.delays {
                    moves.push(Move::SendSettle(place, *actual));
                }
                if rare && plan.repeats {
                    moves.push(Move::SettleTwice(place, *actual));
                }
            }
            if rare && plan.crashes {
                moves.push(Move::Crash(place));
            }
        }
    }
}
