//! The part of a reply about a charge that may be taken back. [`replay`](super::replay)
//! makes the identity of the charge of it.

use super::request::ChargeId;
use crate::{
    clock::Tick,
    limit::rules::script::{GivenBack, Operation, ReplyReader},
    redis::Error,
};

/// How the script knows a charge that may be taken back.
#[derive(Clone, Copy)]
pub(super) enum TakenAs {
    /// The sums given back before, and whether the bucket was leased: then the mark of
    /// the charge proves nothing, because shares may come back.
    Charge(GivenBack, bool),
    /// A hold, and whether the script keeps a record of it.
    Hold(ChargeId, bool),
}

impl TakenAs {
    /// Reads how the script knows a charge, and how many holds lapsed before a hold or
    /// a settlement.
    ///
    /// # Errors
    ///
    /// When numbers are missing.
    pub(super) fn read(
        operation: Operation,
        numbers: &mut ReplyReader<'_>,
    ) -> Result<(Option<Self>, u32), Error> {
        let missing = || Error::reply("a charge");
        let taken_as = match operation {
            Operation::Take(..) => {
                let is_leased = numbers.take().ok_or_else(missing)? == 1;
                let given_back = GivenBack::read(numbers).ok_or_else(missing)?;
                return Ok((Some(Self::Charge(given_back, is_leased)), 0));
            }
            Operation::Hold(_) => Some(Self::read_hold(numbers).ok_or_else(missing)?),
            Operation::Settle(..) => None,
            _ => return Ok((None, 0)),
        };
        let lapsed = numbers.take().and_then(|lapsed| lapsed.try_into().ok());
        Ok((
            taken_as,
            lapsed.ok_or_else(|| Error::reply("a count of holds"))?,
        ))
    }

    fn read_hold(numbers: &mut ReplyReader<'_>) -> Option<Self> {
        let charge = ChargeId {
            due: numbers.take()?,
            mark: numbers.take()?,
            given_back: GivenBack::read(numbers)?,
        };
        Some(Self::Hold(charge, numbers.take()? == 1))
    }

    /// Identifies a charge that is due at an instant, and has this mark by the rule.
    pub(super) fn charge(this: Option<Self>, due: Tick, mark: u64) -> ChargeId {
        let (given_back, is_leased) = match this {
            Some(Self::Hold(charge, _)) => return charge,
            Some(Self::Charge(given_back, is_leased)) => (given_back, is_leased),
            None => (GivenBack::default(), false),
        };
        ChargeId {
            due,
            mark: if is_leased { 0 } else { mark },
            given_back,
        }
    }

    /// Whether the script keeps a record of the charge.
    pub(super) fn is_held(this: Option<Self>) -> bool {
        matches!(this, Some(Self::Hold(_, true)))
    }
}
