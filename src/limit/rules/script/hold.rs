//! The operations of holds: how they are written as arguments. Twin of
//! `lua/hold.lua`.

use crate::{
    clock::Tick,
    limit::rules::quota::{Cost, MAX_COST},
};

/// A charge to be held until it is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRequest {
    /// The estimate.
    pub cost: Cost,
    /// How far ahead an instant may be booked, in ticks.
    pub max_wait: Tick,
    /// For how many ticks it is held from the instant on at which it is due.
    pub term: Tick,
    /// Whether the charge is given back if it was not settled by then; otherwise
    /// it is kept.
    pub gives_back: bool,
    /// Unique among the holds of a bucket.
    pub id: u64,
}

/// A charge that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldRecord {
    /// The request that made it.
    pub request: HoldRequest,
    /// When it is due, by the server's clock.
    pub at: Tick,
    /// The script's own mark of the state that it left.
    pub mark: u64,
    /// The sum of what was given back to the bucket before.
    pub refunds: u64,
    /// The part of it that credits gave back.
    pub credits: u64,
}

impl HoldRequest {
    fn orphan(&self) -> char {
        match self.gives_back {
            true => 'g',
            false => 'k',
        }
    }

    pub(super) fn text(&self) -> String {
        let Self {
            cost,
            max_wait,
            term,
            id,
            ..
        } = self;
        let cost = cost.min(&MAX_COST);
        format!("h {cost} {max_wait} {term} {} {id}", self.orphan())
    }
}

impl HoldRecord {
    pub(super) fn text(&self, actual: Cost) -> String {
        let Self {
            request,
            at,
            mark,
            refunds,
            credits,
        } = self;
        let (cost, actual) = (request.cost.min(MAX_COST), actual.min(MAX_COST));
        let orphan = request.orphan();
        let id = request.id;
        format!("s {cost} {at} {mark} {refunds} {credits} {orphan} {id} {actual}")
    }
}
