//! Calls the script of a rule, each request once.

use std::{collections::HashMap, hash::BuildHasherDefault};

use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        Cost, Scripted,
        testing::{Operation, ReplyReader, batch, terms},
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
    Undo(u8, Tick),
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
            Self::Undo(cost, at) => Operation::Undo(cost.into(), at, 0),
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
    /// What comes behind.
    pub(crate) rest: [u64; 6],
    pub(crate) notes: Notes,
}

type Asked = (u32, Tick, Request);

pub(crate) struct Client<R> {
    pub(crate) rule: R,
    term: Tick,
    engine: Engine,
    pub(crate) stores: Stores,
    answers: HashMap<Asked, Result<Answer, String>, BuildHasherDefault<Mixer>>,
}

/// The script of a rule's limiter.
pub(crate) fn script<R: Scripted>() -> String {
    let call = R::script().call(0);
    source(&call, &R::script().call_with_source(&call))
}

impl<R: Scripted> Client<R> {
    pub(crate) fn new(rule: R, term: Tick, source: String) -> Self {
        Self {
            rule,
            term,
            engine: Engine::new(&[source]),
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

    fn run(&mut self, store: u32, now: Tick, request: Request) -> Result<Answer, String> {
        let operation = request.operation(self.term);
        let call = batch::<R>(
            &terms(&self.rule),
            None,
            None,
            [(KEY, operation)].into_iter(),
        );
        let before = self.stores.get(store);
        let (mut after, reply) = self.engine.run(0, &Call::of(&call), before, now)?;
        let notes = Notes::take(&mut after);
        after.all_expire()?;
        let values: Vec<_> = reply.iter().map(|it| Value::Int(*it)).collect();
        let mut reader = ReplyReader::of(&values);
        let read = reader
            .take()
            .and_then(|at| operation.read(&self.rule, at, &mut reader));
        let Some((count, mut state)) = read else {
            return Err(format!("a reply of {reply:?}"));
        };
        let mut rest = [0; 6];
        for place in &mut rest {
            *place = reader.take().unwrap_or(0);
        }
        let remaining = self.rule.decide(&mut state, now, 0).remaining();
        let store = self.stores.number(after);
        Ok(Answer {
            store,
            count,
            remaining,
            rest,
            notes,
        })
    }
}
