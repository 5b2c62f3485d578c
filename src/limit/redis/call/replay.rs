//! Repeats here the decisions that a script made, from the states it found.
//!
//! The script returns the state in which it found a bucket, and how much it
//! took. The same rule goes through the same requests at the same instant, and
//! so knows each decision in full. How much the script took proves that both
//! came to the same result.

use super::{
    request::{BucketReply, BucketResult, Request},
    taken_as::TakenAs,
};
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{
            quota::Cost,
            script::{HoldRequest, Operation, ReplyReader, Scripted},
        },
    },
    redis::Error,
};

/// A bucket as the script found it, and how far the replay has come.
pub(crate) struct ReadBucket<S> {
    /// The state after the requests replayed so far.
    state: S,
    /// How many requests of the run the script admitted, or how much it took.
    taken: u64,
    /// How many requests of the run were replayed.
    replayed: u64,
    /// Of a lease: its term, and when the term ends by the server's clock.
    term: Option<(u64, Tick)>,
    /// Of a charge that may be taken back.
    taken_as: Option<TakenAs>,
    /// How many holds lapsed before a hold or a settlement.
    lapsed: u32,
}

/// A bucket that had to deny: its state then, and when that was.
pub(crate) struct Denial<'a, S> {
    /// The last request of the run.
    pub(crate) request: &'a Request,
    /// The state when it denied.
    pub(crate) state: &'a S,
    /// By the server's clock.
    pub(crate) now: Tick,
    pub(crate) decision: Decision,
}

/// A share of a bucket that was charged ahead of need.
pub(crate) struct Grant<'a, S> {
    /// The request for the lease.
    pub(crate) request: &'a Request,
    /// The bucket before the share was charged.
    pub(crate) state: &'a S,
    /// How many tokens were charged: 0 if there was nothing to lease.
    pub(crate) granted: Cost,
    /// A number that grows with time; a share is spent in its term only.
    pub(crate) term: u64,
    /// When the script ran, by the server's clock.
    pub(crate) now: Tick,
    /// When the term ends, by the server's clock.
    pub(crate) ends: Tick,
}

impl<S> ReadBucket<S> {
    /// Reads what the script found for one run; `None` if the script could not
    /// read the state.
    ///
    /// # Errors
    ///
    /// When numbers are missing, or no script could have left such a state.
    pub(crate) fn read<R>(
        rule: &R,
        operation: Operation,
        now: Tick,
        numbers: &mut ReplyReader<'_>,
    ) -> Result<Option<Self>, Error>
    where
        R: Scripted<State = S>,
    {
        if numbers.unreadable() {
            return Ok(None);
        }
        let missing = || Error::reply("a count and a state");
        let (taken, state) = operation.read(rule, now, numbers).ok_or_else(missing)?;
        let mut number = || numbers.take().ok_or_else(missing);
        let term = match operation {
            Operation::Lease(..) => Some((number()?, number()?)),
            _ => None,
        };
        let (taken_as, lapsed) = TakenAs::read(operation, numbers)?;
        Ok(Some(Self {
            state,
            taken,
            replayed: 0,
            term,
            taken_as,
            lapsed,
        }))
    }

    /// A bucket never seen, of which the script charged so many checks.
    pub(crate) fn first_charged(taken: u64) -> Self
    where
        S: Default,
    {
        Self {
            state: S::default(),
            taken,
            replayed: 0,
            term: None,
            taken_as: None,
            lapsed: 0,
        }
    }

    /// How many holds lapsed.
    pub(crate) fn lapsed(&self) -> u32 {
        self.lapsed
    }

    /// How many requests of the run were replayed.
    pub(crate) fn replayed(&self) -> u64 {
        self.replayed
    }

    /// Returns the granted share, if the request was for a lease.
    pub(crate) fn grant<'a>(&'a self, request: &'a Request, now: Tick) -> Option<Grant<'a, S>> {
        let (term, ends) = self.term?;
        Some(Grant {
            request,
            state: &self.state,
            granted: self.taken,
            term,
            now,
            ends,
        })
    }

    /// The state with which the bucket denied, if it did.
    pub(crate) fn denial<'a>(
        &'a self,
        request: &'a Request,
        now: Tick,
        reply: &BucketReply,
    ) -> Option<Denial<'a, S>> {
        let decision = reply.decision;
        decision.is_denied().then_some(Denial {
            request,
            state: &self.state,
            now,
            decision,
        })
    }

    /// Decides the next request of this run.
    ///
    /// # Errors
    ///
    /// When the rule decides otherwise than the script did.
    pub(crate) fn replay<R>(&mut self, rule: &R, now: Tick, operation: Operation) -> BucketResult
    where
        R: Scripted<State = S>,
    {
        self.replayed += 1;
        let operation = match operation {
            // Where a share is leased, the script books no place that would
            // have to wait for its return.
            Operation::Reserve(_, cost, _)
            | Operation::Take(_, cost, _)
            | Operation::Hold(HoldRequest { cost, .. })
                if self.replayed > self.taken && !rule.queues() =>
            {
                Operation::Check(cost)
            }
            other => other,
        };
        let (taken, decision) = operation.replay(rule, &mut self.state, now);
        if !self.agrees(operation, taken, &decision) {
            return Err(Error::reply("the decision that the rule makes"));
        }
        let charge = decision.is_admitted().then(|| {
            let due = now + decision.wait_ticks().unwrap_or(0);
            TakenAs::charge(self.taken_as, due, rule.mark(&self.state, due))
        });
        Ok(BucketReply {
            decision,
            taken,
            charge,
            is_held: charge.is_some() && TakenAs::is_held(self.taken_as),
            lapsed: self.lapsed,
        })
    }

    /// Whether the script did the same.
    fn agrees(&self, operation: Operation, taken: Cost, decision: &Decision) -> bool {
        match operation {
            // The requests that pass come first in a run.
            Operation::Check(_)
            | Operation::Reserve(..)
            | Operation::Take(..)
            | Operation::Hold(_) => decision.is_admitted() == (self.replayed <= self.taken),
            Operation::UpTo(_) => taken == self.taken,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{LeakyBucket, Quota, TokenBucket, Word};

    /// A bucket of ten, of which all was taken, and a place in it for which a
    /// second's wait is enough. The script books `taken` places.
    fn replay<R: Scripted<State = Word>>(rule: &R, taken: u64) -> BucketResult {
        let (now, mut state) = (5_000_000, Word::EMPTY);
        rule.debit(&mut state, now, 10);
        let mut bucket = ReadBucket {
            state,
            ..ReadBucket::first_charged(taken)
        };
        bucket.replay(rule, now, Operation::Reserve(1, 1, 1_000_000))
    }

    #[test]
    fn a_place_that_would_wait_for_a_lease_is_a_denial() {
        let quota = Quota::per_second(10);
        let denied = replay(&TokenBucket::new(quota), 0).unwrap();
        assert!(denied.decision.is_denied() && denied.charge.is_none());
        let booked = replay(&TokenBucket::new(quota), 1).unwrap();
        assert_eq!(booked.wait(), Some(100_000));
        // A queue is not leased: its script and its rule book the same places.
        assert!(replay(&LeakyBucket::new(quota.burst(20)), 0).is_err());
    }
}
