//! Calls the script of a rule, each request once.

use std::{collections::HashMap, hash::BuildHasherDefault};

use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, FixedWindow, Quota, Scripted,
        testing::{
            GivenBack, Operation, ReplyReader, batch, check_all, check_all_with_source, terms,
        },
    },
};

use super::{
    books::{KEY, Notes},
    slot::{Slot, request},
};
use crate::{
    cases::SIZE,
    engine::{Call, Engine, source},
    search::Mixer,
    store::Stores,
};

/// The share of a bucket that a process holds.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Lease {
    pub(crate) left: u8,
    pub(crate) spent: u8,
    pub(crate) term: u64,
}

/// An operation, as far as the moves make it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Request {
    Check(u8),
    Hold(usize, u8, bool),
    Settle(usize, Slot, u8),
    Charge(u8),
    Undo(u8, Slot),
    Debit(u8),
    Credit(u8),
    Reset,
    Lease(Lease),
    Return(Lease),
}

impl Request {
    fn operation(self, term: Tick) -> Operation {
        match self {
            Self::Check(cost) => Operation::Check(cost.into()),
            Self::Hold(id, cost, gives_back) => {
                Operation::Hold(request(id, cost, gives_back, term))
            }
            Self::Settle(id, slot, actual) => {
                Operation::Settle(slot.record(id, term), actual.into())
            }
            Self::Charge(cost) => Operation::Take(1, cost.into(), 0),
            Self::Undo(cost, slot) => Operation::Undo(slot.undo(cost)),
            Self::Debit(cost) => Operation::Debit(cost.into()),
            Self::Credit(cost) => Operation::Credit(cost.into()),
            Self::Reset => Operation::Reset,
            Self::Lease(Lease { spent, term, .. }) => Operation::Lease(SIZE, spent.into(), term),
            Self::Return(Lease { left, spent, term }) => {
                Operation::Return(left.into(), spent.into(), term)
            }
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) store: u32,
    pub(crate) count: u64,
    /// What was left before.
    pub(crate) remaining: Cost,
    pub(crate) charge: Charge,
    /// How many other holds lapsed.
    pub(crate) lapsed: u64,
    /// The term of a lease, and its end.
    pub(crate) lease: (u64, Tick),
    pub(crate) notes: Notes,
}

/// How the script knows a charge.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Charge {
    pub(crate) at: Tick,
    pub(crate) mark: u64,
    pub(crate) given_back: GivenBack,
    pub(crate) is_kept: bool,
}

type Asked = (u32, Tick, Request);

pub(crate) struct Client<R> {
    pub(crate) rule: R,
    term: Tick,
    /// Whether another limit takes part in what is charged.
    together: bool,
    engine: Engine,
    pub(crate) stores: Stores,
    answers: HashMap<Asked, Result<Answer, String>, BuildHasherDefault<Mixer>>,
}

/// The other limit, which takes part in what is charged together.
const OTHER: &[u8] = b"other";

const OTHER_LIMIT: Cost = 4;

/// The scripts of a rule's limiter: for one bucket, and for several.
pub(crate) fn scripts<R: Scripted>() -> [String; 2] {
    let call = R::script().call(0);
    let many = check_all(None, [].into_iter());
    [
        source(&call, &R::script().call_with_source(&call)),
        source(&many, &check_all_with_source(&many)),
    ]
}

impl<R: Scripted> Client<R> {
    pub(crate) fn new(rule: R, term: Tick, together: bool, sources: &[String]) -> Self {
        Self {
            rule,
            term,
            together,
            engine: Engine::new(sources),
            stores: Stores::new(),
            answers: HashMap::default(),
        }
    }

    /// Runs the script, or remembers what it did.
    pub(crate) fn ask(
        &mut self,
        store: u32,
        now: Tick,
        request: Request,
    ) -> Result<Answer, String> {
        let asked = (store, now, request);
        if let Some(answer) = self.answers.get(&asked) {
            return answer.clone();
        }
        let answer = self.run(store, now, request);
        self.answers.insert(asked, answer.clone());
        answer
    }

    /// The cost that the other limit is asked for, too.
    fn others_cost(&self, request: Request) -> Option<u8> {
        match request {
            Request::Check(cost @ 1..) | Request::Hold(_, cost, _) | Request::Charge(cost) => {
                self.together.then_some(cost)
            }
            _ => None,
        }
    }

    fn call(&self, request: Request) -> (usize, redis::Cmd) {
        let operation = request.operation(self.term);
        let own = terms(&self.rule);
        let other = terms(&FixedWindow::new(Quota::per_second(OTHER_LIMIT)));
        let mut parts = vec![(&own[..], KEY, operation)];
        if let Some(cost) = self.others_cost(request) {
            parts.push((&other[..], OTHER, Operation::Check(cost.into())));
        } else if !(self.together && matches!(request, Request::Settle(..))) {
            let operations = [(KEY, operation)].into_iter();
            return (0, batch::<R>(&own, None, None, operations));
        }
        (1, check_all(None, parts.into_iter()))
    }

    fn run(&mut self, store: u32, now: Tick, request: Request) -> Result<Answer, String> {
        let (script, call) = self.call(request);
        let before = self.stores.get(store);
        let (mut after, reply) = self.engine.run(script, &Call::of(&call), before, now)?;
        let notes = Notes::take(&mut after);
        after.all_expire()?;
        let store = self.stores.number(after);
        let values: Vec<_> = reply.iter().map(|it| Value::Int(*it)).collect();
        let answer = self.read(now, request, &mut ReplyReader::of(&values));
        let answer = answer.ok_or_else(|| format!("a reply of {reply:?}"))?;
        Ok(Answer {
            store,
            notes,
            ..answer
        })
    }

    fn read(&self, now: Tick, request: Request, reply: &mut ReplyReader<'_>) -> Option<Answer> {
        let rule = &self.rule;
        let (at, operation) = (reply.take()?, request.operation(self.term));
        let (mut count, mut state) = operation.read(rule, at, reply)?;
        let remaining = rule.decide(&mut state.clone(), now, 0).remaining();
        let (mut charge, mut lapsed, mut lease) = (Charge::default(), 0, (0, 0));
        match request {
            Request::Hold(..) => {
                charge = Charge {
                    at: reply.take()?,
                    mark: reply.take()?,
                    given_back: GivenBack::read(reply)?,
                    is_kept: reply.take()? == 1,
                };
                lapsed = reply.take()?;
            }
            Request::Charge(cost) => {
                rule.decide(&mut state, now, cost.into());
                let is_leased = reply.take()? == 1;
                charge = Charge {
                    at,
                    mark: if is_leased { 0 } else { rule.mark(&state, at) },
                    given_back: GivenBack::read(reply)?,
                    is_kept: false,
                };
            }
            Request::Settle(..) => lapsed = reply.take()?,
            Request::Lease(_) => lease = (reply.take()?, reply.take()?),
            _ => {}
        }
        if self.others_cost(request).is_some() {
            count = count.min(reply.take()?);
        }
        Some(Answer {
            store: 0,
            count,
            remaining,
            charge,
            lapsed,
            lease,
            notes: Notes::default(),
        })
    }
}
