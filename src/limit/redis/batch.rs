//! Many questions in one call of a script.
//!
//! The script tells the state in which it found each bucket, and how much it
//! took. Here the same rule goes through the same questions at the same
//! instant, and so knows each decision in full; how much the script took is the
//! proof that both came to the same result.

use std::collections::HashMap;

use ahash::RandomState;
use redis::{Cmd, Value};

use super::request::{Answer, Ask, Booking, Bucket};
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{
            quota::Cost,
            script::{Operation, ReplyReader, Scripted, batch},
        },
    },
    redis::Error,
};

/// Questions that ride in one call.
pub(super) struct Batch {
    asks: Vec<Ask>,
    /// Of each question, the run that it is part of.
    places: Vec<usize>,
    runs: Vec<Run>,
}

/// The same question about one bucket, once or several times in a row.
struct Run {
    /// The first of them.
    ask: usize,
    times: u64,
}

/// A bucket as the script found it, and where the replay has come to.
struct Found<S> {
    state: S,
    taken: u64,
    answered: u64,
    /// Of a lease: its term, and when that ends.
    term: Option<(u64, Tick)>,
}

/// When the script ran, and what it found for each run; `None` for a state that
/// it could not read.
type Reply<S> = (Tick, Vec<Option<Found<S>>>);

/// What the limiter itself wants to know of a reply.
pub(super) enum Notice<'a, S> {
    Denied(Denial<'a, S>),
    Leased(Leased<'a, S>),
    /// The state of this bucket cannot be read.
    Unreadable(&'a Bucket),
}

/// A bucket that had to deny: its state then, and when that was.
pub(super) struct Denial<'a, S> {
    pub(super) ask: &'a Ask,
    pub(super) state: &'a S,
    pub(super) now: Tick,
    pub(super) decision: &'a Decision,
}

/// A share of a bucket that was charged ahead of need.
pub(super) struct Leased<'a, S> {
    pub(super) ask: &'a Ask,
    /// Before it was charged.
    pub(super) state: &'a S,
    pub(super) granted: Cost,
    pub(super) term: u64,
    /// By the server's clock: now, and when the term ends.
    pub(super) now: Tick,
    pub(super) ends: Tick,
}

impl Batch {
    /// Questions about one bucket keep their order, and become one entry for as
    /// long as they are the same.
    pub(super) fn of(asks: Vec<Ask>) -> Self {
        let mut last = HashMap::with_capacity_and_hasher(asks.len(), RandomState::default());
        let mut places = Vec::with_capacity(asks.len());
        let mut runs: Vec<Run> = Vec::with_capacity(asks.len());
        for (position, ask) in asks.iter().enumerate() {
            let place = last.entry(ask.bucket.name.as_slice()).or_insert(usize::MAX);
            match runs.get_mut(*place) {
                Some(run) if ask.entry.merges() && asks[run.ask].entry == ask.entry => {
                    run.times += 1;
                }
                _ => {
                    *place = runs.len();
                    runs.push(Run {
                        ask: position,
                        times: 1,
                    });
                }
            }
            places.push(*place);
        }
        Self { asks, places, runs }
    }

    /// A batch of one, without the cost of looking for what is the same.
    pub(super) fn single(ask: Ask) -> Self {
        Self {
            asks: vec![ask],
            places: vec![0],
            runs: vec![Run { ask: 0, times: 1 }],
        }
    }

    pub(super) fn asks(&self) -> &[Ask] {
        &self.asks
    }

    pub(super) fn entries(&self) -> usize {
        self.runs.len()
    }

    /// The call that asks for all of it.
    pub(super) fn call<R: Scripted>(&self, head: &[String]) -> Cmd {
        let entries = self.runs.iter().map(|run| {
            let ask = &self.asks[run.ask];
            (ask.bucket.name.as_slice(), ask.entry.times(run.times))
        });
        batch::<R>(head, None, entries)
    }

    /// Works the answers out of the script's reply, and tells each, in order.
    /// Every run that ended with a denial is noticed, every lease, and every
    /// bucket that cannot be read, whose questions fail without the others.
    pub(super) fn settle<R: Scripted>(
        &self,
        rule: &R,
        reply: &Value,
        notice: &mut impl FnMut(Notice<'_, R::State>),
        tell: &mut impl FnMut(usize, Result<Answer, Error>),
    ) -> Result<(), Error> {
        let (now, mut found) = self.read(rule, reply)?;
        for (position, (ask, &place)) in self.asks.iter().zip(&self.places).enumerate() {
            let Some(found) = &mut found[place] else {
                notice(Notice::Unreadable(&ask.bucket));
                tell(position, Err(Error::unreadable("a limit")));
                continue;
            };
            if let Some(lease) = found.lease(ask, now) {
                notice(Notice::Leased(lease));
            }
            let answer = found.answer(rule, now, ask.entry);
            if let Ok(Answer { decision, .. }) = &answer
                && decision.is_denied()
                && found.answered == self.runs[place].times
            {
                notice(Notice::Denied(Denial {
                    ask,
                    state: &found.state,
                    now,
                    decision,
                }));
            }
            tell(position, answer);
        }
        Ok(())
    }

    fn read<R: Scripted>(&self, rule: &R, reply: &Value) -> Result<Reply<R::State>, Error> {
        let Value::Array(reply) = reply else {
            return Err(Error::reply("an array"));
        };
        let too_short = || Error::reply("more numbers");
        let mut numbers = ReplyReader::of(reply);
        let now = numbers.take().ok_or_else(too_short)?;
        let found = self
            .runs
            .iter()
            .map(|run| Found::read(rule, self.asks[run.ask].entry, now, &mut numbers));
        let found: Option<Vec<_>> = found.collect();
        Ok((now, found.ok_or_else(too_short)?))
    }
}

/// Reads what a script found for one question, and answers it.
pub(super) fn replay<R: Scripted>(
    rule: &R,
    ask: &Ask,
    now: Tick,
    numbers: &mut ReplyReader<'_>,
    denied: impl Fn(Denial<'_, R::State>),
) -> Result<Answer, Error> {
    let found = Found::read(rule, ask.entry, now, numbers);
    let found = found.ok_or_else(|| Error::reply("more numbers"))?;
    let mut found = found.ok_or_else(|| Error::unreadable("a limit"))?;
    let answer = found.answer(rule, now, ask.entry)?;
    if answer.decision.is_denied() {
        let (state, decision) = (&found.state, &answer.decision);
        denied(Denial {
            ask,
            state,
            now,
            decision,
        });
    }
    Ok(answer)
}

impl<S> Found<S> {
    fn lease<'a>(&'a self, ask: &'a Ask, now: Tick) -> Option<Leased<'a, S>> {
        let (term, ends) = self.term?;
        Some(Leased {
            ask,
            state: &self.state,
            granted: self.taken,
            term,
            now,
            ends,
        })
    }

    /// `None` if the reply makes no sense, and `Some(None)` if the script could
    /// not read the state.
    fn read<R>(
        rule: &R,
        entry: Operation,
        now: Tick,
        numbers: &mut ReplyReader<'_>,
    ) -> Option<Option<Self>>
    where
        R: Scripted<State = S>,
    {
        if numbers.unreadable() {
            return Some(None);
        }
        let (taken, state) = entry.read(rule, now, numbers)?;
        let term = match entry {
            Operation::Lease(..) => Some((numbers.take()?, numbers.take()?)),
            _ => None,
        };
        Some(Some(Self {
            state,
            taken,
            answered: 0,
            term,
        }))
    }

    /// The next question of this run, answered by the rule.
    fn answer<R>(&mut self, rule: &R, now: Tick, entry: Operation) -> Result<Answer, Error>
    where
        R: Scripted<State = S>,
    {
        self.answered += 1;
        let entry = match entry {
            // Where something is leased, the script books no place that would have
            // to wait for it.
            Operation::Reserve(_, cost, _) if self.answered > self.taken && !rule.queues() => {
                Operation::Check(cost)
            }
            other => other,
        };
        let (taken, decision) = entry.replay(rule, &mut self.state, now);
        let told = match entry {
            // The first of a run are those that pass, if any.
            Operation::Check(_) | Operation::Reserve(..) => {
                decision.is_admitted() == (self.answered <= self.taken)
            }
            Operation::UpTo(_) => taken == self.taken,
            _ => true,
        };
        if !told {
            return Err(Error::reply("a decision that the rule agrees with"));
        }
        let booking = decision.is_admitted().then(|| {
            let due = now + decision.wait_ticks().unwrap_or(0);
            let mark = rule.mark(&self.state, due);
            Booking { due, mark }
        });
        Ok(Answer {
            decision,
            taken,
            booking,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::{LeakyBucket, Quota, TokenBucket, Word};

    /// A bucket of ten, of which all was taken, and a place in it for which a
    /// second's patience is enough. The script books `taken` places.
    fn answer<R: Scripted<State = Word>>(rule: &R, taken: u64) -> Result<Answer, Error> {
        let (now, mut state) = (5_000_000, Word::EMPTY);
        rule.debit(&mut state, now, 10);
        let mut found = Found {
            state,
            taken,
            answered: 0,
            term: None,
        };
        found.answer(rule, now, Operation::Reserve(1, 1, 1_000_000))
    }

    #[test]
    fn a_place_that_would_wait_for_a_lease_is_a_denial() {
        let quota = Quota::per_second(10);
        let denied = answer(&TokenBucket::new(quota), 0).unwrap();
        assert!(denied.decision.is_denied() && denied.booking.is_none());
        let booked = answer(&TokenBucket::new(quota), 1).unwrap();
        assert_eq!(booked.wait(), Some(100_000));
        // A queue is not leased: its script and its rule book the same places.
        assert!(answer(&LeakyBucket::new(quota.burst(20)), 0).is_err());
    }
}
