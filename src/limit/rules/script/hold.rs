//! The operations of holds, and of other charges that are taken back: how they are
//! written as arguments. Twin of `lua/hold.lua`.

use super::reply_reader::ReplyReader;
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

/// The sums given back to a bucket, as a script knows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GivenBack {
    /// Which sums these are: a reset begins new ones. 0 if nothing was given back.
    pub generation: u64,
    /// The sum of all that was given back, in any way.
    pub refunds: u64,
    /// The part of it that credits gave back.
    pub credits: u64,
}

impl GivenBack {
    pub(super) fn text(&self) -> String {
        let Self {
            generation,
            refunds,
            credits,
        } = self;
        format!("{generation} {refunds} {credits}")
    }

    /// Reads the sums that follow in a reply.
    pub fn read(reply: &mut ReplyReader<'_>) -> Option<Self> {
        Some(Self {
            generation: reply.take()?,
            refunds: reply.take()?,
            credits: reply.take()?,
        })
    }
}

/// A charge that can be taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UndoRequest {
    /// How much of it to take back.
    pub cost: Cost,
    /// When it is due, by the server's clock.
    pub at: Tick,
    /// Its [mark](crate::limit::Rule::mark).
    pub mark: u64,
    /// The sums given back before it.
    pub given_back: GivenBack,
}

impl UndoRequest {
    pub(super) fn text(&self, verb: char) -> String {
        let (cost, before) = (self.cost.min(MAX_COST), self.given_back.text());
        format!("{verb} {cost} {} {} {before}", self.at, self.mark)
    }
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
    /// The sums given back to the bucket before.
    pub given_back: GivenBack,
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
            given_back,
        } = self;
        let before = given_back.text();
        let (cost, actual) = (request.cost.min(MAX_COST), actual.min(MAX_COST));
        let orphan = request.orphan();
        let id = request.id;
        format!("s {cost} {at} {mark} {before} {orphan} {id} {actual}")
    }
}
