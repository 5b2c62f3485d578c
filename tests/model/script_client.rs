//! Calls the scripts, each request once.

use std::{collections::HashMap, hash::BuildHasherDefault};

use redis::Value;
use sluicegate::{
    clock::Tick,
    limit::{
        FixedWindow, Quota, Scripted,
        testing::{
            GivenBack, Operation, ReplyReader, batch, check_all, check_all_with_source, terms,
        },
    },
};

use crate::{
    engine::{Call, Engine, source},
    plan::Plan,
    search::Mixer,
    store::Stores,
};

const KEY: &[u8] = b"leased";

/// Another limit, which takes part in checks of several.
const OTHER: &[u8] = b"other";

const OTHER_LIMIT: u64 = 4;

/// The result of a script depends on these values only, so each call runs once.
type Asked = (u32, Tick, u8, (u8, [u64; 6]));

#[derive(Clone, Copy)]
pub(crate) struct Answer {
    pub(crate) store: u32,
    pub(crate) count: u64,
    pub(crate) term: u64,
    pub(crate) ends: Tick,
    /// The mark of a charge that may be taken back, and what was given back before.
    pub(crate) taken: (u64, GivenBack),
}

pub(crate) struct ScriptClient<R> {
    /// By quota.
    rules: Vec<R>,
    given: bool,
    shortcut: bool,
    together: bool,
    engine: Engine,
    pub(crate) stores: Stores,
    answers: HashMap<Asked, Result<Answer, String>, BuildHasherDefault<Mixer>>,
}

/// The scripts of a rule's limiter: for one bucket, and for several.
pub(crate) fn sources<R: Scripted>() -> Vec<String> {
    let one = R::script().call(0);
    let many = check_all(None, [].into_iter());
    let bare = [
        R::script().call_with_source(&one),
        check_all_with_source(&many),
    ];
    vec![source(&one, &bare[0]), source(&many, &bare[1])]
}

impl<R: Scripted> ScriptClient<R> {
    pub(crate) fn new(plan: &Plan, rules: Vec<R>, sources: &[String]) -> Self {
        Self {
            rules,
            given: plan.given,
            shortcut: plan.shortcut,
            together: plan.together,
            engine: Engine::new(sources),
            stores: Stores::new(),
            answers: HashMap::default(),
        }
    }

    /// Runs a script, or remembers what it did.
    pub(crate) fn ask(
        &mut self,
        store: u32,
        clock: Tick,
        quota: u8,
        entry: Operation,
    ) -> Result<Answer, String> {
        let asked = (store, clock, quota, words(entry));
        if let Some(answer) = self.answers.get(&asked) {
            return answer.clone();
        }
        let answer = self.run(store, clock, quota, entry);
        self.answers.insert(asked, answer.clone());
        answer
    }

    fn run(
        &mut self,
        store: u32,
        clock: Tick,
        quota: u8,
        entry: Operation,
    ) -> Result<Answer, String> {
        let now = self.given.then_some(clock);
        let own = terms(&self.rules[quota as usize]);
        let several = self.together && matches!(entry, Operation::Check(_));
        let call = if several {
            let other = terms(&FixedWindow::new(Quota::per_hour(OTHER_LIMIT)));
            let asked = [(&own[..], KEY, entry), (&other[..], OTHER, entry)];
            check_all(now, asked.into_iter())
        } else {
            let shortcut = self.shortcut.then(|| &self.rules[quota as usize]);
            batch(&own, now, shortcut, [(KEY, entry)].into_iter())
        };
        let (script, call) = (usize::from(several), Call::of(&call));
        let before = self.stores.get(store);
        let (after, reply) = self.engine.run(script, &call, before, clock)?;
        after.all_expire()?;
        let mut numbers: Vec<u64> = reply.iter().map(|it| *it as u64).collect();
        if self.shortcut {
            // The number of the operation; without it, the check passed.
            let place = numbers.get(1).is_some().then(|| numbers.remove(1));
            place.map_or_else(|| numbers.push(1), |place| assert_eq!(place, 1));
        }
        let [_, count, ..] = numbers[..] else {
            return Err(format!("a reply of {reply:?}"));
        };
        let (term, ends) = (numbers[numbers.len() - 2], numbers[numbers.len() - 1]);
        // Of several, the other's comes behind what was found of this one.
        let count = if several {
            count.min(numbers[reply.len() - 4])
        } else {
            count
        };
        let taken = match entry {
            Operation::Take(..) => self.taken(quota, entry, &reply),
            _ => Some(Default::default()),
        };
        Ok(Answer {
            store: self.stores.number(after),
            count,
            term,
            ends,
            taken: taken.ok_or_else(|| format!("a reply of {reply:?}"))?,
        })
    }

    /// Reads the mark of a charge, and what was given back before.
    fn taken(&self, quota: u8, entry: Operation, reply: &[i64]) -> Option<(u64, GivenBack)> {
        let rule = &self.rules[usize::from(quota)];
        let values: Vec<_> = reply.iter().map(|it| Value::Int(*it)).collect();
        let mut reply = ReplyReader::of(&values);
        let now = reply.take()?;
        let (_, mut state) = entry.read(rule, now, &mut reply)?;
        entry.replay(rule, &mut state, now);
        let is_leased = reply.take()? == 1;
        let mark = if is_leased { 0 } else { rule.mark(&state, now) };
        Some((mark, GivenBack::read(&mut reply)?))
    }
}

fn words(entry: Operation) -> (u8, [u64; 6]) {
    let of = |verb, [one, two, three]: [u64; 3]| (verb, [one, two, three, 0, 0, 0]);
    match entry {
        Operation::Check(cost) => of(0, [cost, 0, 0]),
        Operation::Lease(want, spent, term) => of(1, [want, spent, term]),
        Operation::Return(left, spent, term) => of(2, [left, spent, term]),
        Operation::Undo(undo) => {
            let before = undo.given_back;
            let sums = [before.generation, before.refunds, before.credits];
            (
                3,
                [undo.cost, undo.at, undo.mark, sums[0], sums[1], sums[2]],
            )
        }
        Operation::Take(_, cost, _) => of(7, [cost, 0, 0]),
        Operation::Credit(cost) => of(4, [cost, 0, 0]),
        Operation::Debit(cost) => of(5, [cost, 0, 0]),
        Operation::Reset => of(6, [0; 3]),
        other => panic!("no move makes {other:?}"),
    }
}
