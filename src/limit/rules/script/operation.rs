//! One operation of a script on one bucket: how it is written as an argument,
//! and how its part of the reply is read.

use redis::Cmd;

use super::{
    hold::{HoldRecord, HoldRequest, UndoRequest},
    lua_rule::Scripted,
    reply_reader::ReplyReader,
};
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{
            quota::{Cost, MAX_COST},
            rule::{Rule, reserve, take_up_to},
        },
    },
};

/// The longest wait that is sent, in ticks. No rule's own queue is longer,
/// and until the year 2112 the script can write down the instant at which such
/// a wait ends.
const MAX_WAIT: Tick = 1 << 52;

/// An operation of a script on one bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Decides, as [`Rule::decide`] does.
    Check(Cost),
    /// Reserves `.0` times a cost of `.1`: decides, or books an instant at most
    /// `.2` ticks ahead.
    Reserve(u64, Cost, Tick),
    /// Reserves in the same way what may be taken back later.
    Take(u64, Cost, Tick),
    /// Takes what there is, up to this cost.
    UpTo(Cost),
    /// Gives back a cost; see [`Rule::credit`].
    Credit(Cost),
    /// Takes a cost without asking; see [`Rule::debit`].
    Debit(Cost),
    /// Makes the bucket whole, but for the leased shares; without any, the key
    /// is removed.
    Reset,
    /// Gives back a booking that is yet to fall due.
    GiveBack(UndoRequest),
    /// Charges a lease of up to `.0` ahead of need, and reports that `.1` was
    /// spent of the leases of the term `.2`.
    Lease(Cost, Cost, u64),
    /// Gives back `.0`, which was not spent of the leases of the term `.2`, and
    /// reports that `.1` was.
    Return(Cost, Cost, u64),
    /// Reserves once, and holds the charge.
    Hold(HoldRequest),
    /// Puts the real cost in place of a charge that is held.
    Settle(HoldRecord, Cost),
    /// Takes back a charge; see [`Rule::undo`].
    Undo(UndoRequest),
}

impl Operation {
    /// Returns the operation that stands for `many` of these in a row.
    pub(crate) fn times(self, many: u64) -> Self {
        match self {
            Self::Check(cost) if many > 1 => Self::Reserve(many, cost, 0),
            Self::Reserve(_, cost, max_wait) => Self::Reserve(many, cost, max_wait),
            Self::Take(_, cost, max_wait) => Self::Take(many, cost, max_wait),
            other => other,
        }
    }

    /// Whether several of these in a row can be sent as one.
    pub(crate) fn merges(&self) -> bool {
        matches!(self, Self::Check(_) | Self::Reserve(..) | Self::Take(..))
    }

    /// Whether it makes a decision.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn decides(&self) -> bool {
        matches!(
            self,
            Self::Check(_) | Self::Reserve(..) | Self::Take(..) | Self::UpTo(_) | Self::Hold(_)
        )
    }

    /// Adds the operation to the arguments of a call.
    pub(crate) fn write_arg(&self, call: &mut Cmd) {
        match self {
            // The most frequent one needs no text of its own.
            Self::Check(cost) => call.arg(*cost.min(&MAX_COST)),
            other => call.arg(other.text()),
        };
    }

    /// Returns the operation as the script reads it. Costs are capped: a rule
    /// denies more than [`MAX_COST`] anyway, and Lua could not count it.
    fn text(&self) -> String {
        let capped = |cost: &Cost| *cost.min(&MAX_COST);
        match self {
            Self::Check(cost) => capped(cost).to_string(),
            Self::Reserve(many, cost, max_wait) => {
                format!("{many} {} {}", capped(cost), max_wait.min(&MAX_WAIT))
            }
            Self::Take(many, cost, max_wait) => {
                format!("a {many} {} {}", capped(cost), max_wait.min(&MAX_WAIT))
            }
            Self::UpTo(cost) => format!("u {}", capped(cost)),
            Self::Credit(cost) => format!("c {}", capped(cost)),
            Self::Debit(cost) => format!("d {}", capped(cost)),
            Self::Reset => "r".into(),
            Self::GiveBack(booking) => booking.text('b'),
            Self::Lease(want, spent, term) => {
                format!("l {} {} {term}", capped(want), capped(spent))
            }
            Self::Return(unspent, spent, term) => {
                format!("y {} {} {term}", capped(unspent), capped(spent))
            }
            Self::Hold(hold) => HoldRequest {
                max_wait: hold.max_wait.min(MAX_WAIT),
                ..*hold
            }
            .text(),
            Self::Settle(record, actual) => record.text(*actual),
            Self::Undo(charge) => charge.text('x'),
        }
    }

    /// Reads the reply to this operation: what the script counted, and the
    /// state that it found if it decided something. `None` if no script of ours
    /// can have sent that.
    #[cfg_attr(any(test, feature = "testing"), doc(hidden))]
    pub fn read<R: Scripted>(
        &self,
        rule: &R,
        now: Tick,
        reply: &mut ReplyReader<'_>,
    ) -> Option<(u64, R::State)> {
        let count = reply.take()?;
        let state = match self {
            Self::Check(_)
            | Self::Reserve(..)
            | Self::Take(..)
            | Self::UpTo(_)
            | Self::Lease(..)
            | Self::Hold(_) => rule.read_state(now, reply)?,
            _ => R::State::default(),
        };
        Some((count, state))
    }

    /// Repeats one of the decisions that the script made, from the state that
    /// it found. Returns how much it takes, and the decision; for an operation
    /// that decides nothing, what a check of 0 says.
    #[cfg_attr(any(test, feature = "testing"), doc(hidden))]
    pub fn replay<R: Rule>(&self, rule: &R, state: &mut R::State, now: Tick) -> (Cost, Decision) {
        let all = |cost, decision: Decision| match decision.is_admitted() {
            true => (cost, decision),
            false => (0, decision),
        };
        match *self {
            Self::Check(cost) => all(cost, rule.decide(state, now, cost)),
            Self::Reserve(_, cost, max_wait)
            | Self::Take(_, cost, max_wait)
            | Self::Hold(HoldRequest { cost, max_wait, .. }) => {
                let max_wait = max_wait.min(MAX_WAIT);
                all(cost, reserve(rule, state, now, cost, max_wait))
            }
            Self::UpTo(cost) => take_up_to(rule, state, now, cost),
            _ => (0, rule.decide(state, now, 0)),
        }
    }
}
