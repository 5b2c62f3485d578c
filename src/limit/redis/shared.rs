//! What the clones of a limiter share, and how a question gets its answer.

use std::{collections::HashMap, sync::Arc};

use ahash::RandomState;
use redis::Value;

use super::{
    ask::{Answer, Ask, Bucket},
    batch::{Batch, Denial},
    counts::Counters,
    denials::{Denials, Epoch},
    queue::{Queue, Reply},
};
use crate::{
    clock::Tick,
    key::{Spell, name_in_store},
    limit::{
        decision::Decision,
        log::Log,
        observe::Observe,
        quota::Cost,
        rule::take_up_to,
        script::{Entry, Scripted},
    },
    redis::{Connection, Error},
    sync::{Mutex, lock},
};

/// Any instant will do for a bucket never seen.
const UNSEEN: Tick = 1;

pub(super) struct Shared<R: Scripted> {
    pub(super) rule: R,
    pub(super) name: Arc<str>,
    pub(super) connection: Connection,
    /// What every call begins with: the rule and its terms.
    pub(super) head: Vec<String>,
    pub(super) coalesce: bool,
    /// How many questions may wait for a call.
    pub(super) capacity: usize,
    pub(super) queue: Queue,
    pub(super) denials: Option<Denials<R::State>>,
    pub(super) lines: Lines,
    pub(super) hasher: RandomState,
    pub(super) counters: Counters,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) log: Log,
}

/// How many callers in this process wait for their turn, by bucket.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<u64, usize, RandomState>>);

impl<R: Scripted> Shared<R> {
    pub(super) fn bucket<K: Spell + ?Sized>(&self, key: &K) -> Bucket {
        let name = name_in_store(self.connection.prefix(), &self.name, key);
        let key = self.hasher.hash_one(name.as_slice());
        Bucket { name, key }
    }

    pub(super) fn ask(&self, bucket: Bucket, entry: Entry) -> Ask {
        let denials = self.denials.as_ref();
        let epoch = denials.map_or(Epoch::default(), |denials| denials.epoch(bucket.key));
        Ask {
            bucket,
            entry,
            epoch,
        }
    }

    /// A denial that needs no call. Who only wants to know what is left wants to
    /// know it from Redis.
    pub(super) fn recall(&self, key: u64, cost: Cost, patience: Tick) -> Option<Decision> {
        let denials = self.denials.as_ref().filter(|_| cost > 0)?;
        let decision = denials.recall(&self.rule, key, cost, patience)?;
        self.counters.recalled();
        Some(decision)
    }

    /// Forgets that a bucket denied, for it may have become fuller.
    pub(super) fn forget(&self, key: u64) {
        if let Some(denials) = &self.denials {
            denials.forget(key);
        }
    }

    pub(super) async fn ask_alone(&self, ask: Ask) -> Reply {
        let batch = Batch::single(ask);
        let reply = self.send(&batch).await;
        let mut answer = Err(Error::reply("there is no answer"));
        self.settle(&batch, reply, |_, told| answer = told);
        answer
    }

    pub(super) async fn send(&self, batch: &Batch) -> Result<Value, Error> {
        self.counters.called(batch.asks().len(), batch.entries());
        let call = batch.call::<R>(&self.head);
        self.connection.run(R::script(), call).await
    }

    /// Tells each who asked what came of it, in order.
    pub(super) fn settle(
        &self,
        batch: &Batch,
        reply: Result<Value, Error>,
        mut tell: impl FnMut(usize, Reply),
    ) {
        let settled = reply.and_then(|reply| {
            let denied = |denial: Denial<'_, R::State>| self.remember(&denial);
            batch.settle(&self.rule, &reply, denied, &mut tell)
        });
        if let Err(error) = settled {
            (0..batch.asks().len()).for_each(|position| tell(position, Err(error.clone())));
        }
    }

    fn remember(&self, denial: &Denial<'_, R::State>) {
        let Some((denials, retry)) = self.denials.as_ref().zip(denial.decision.retry_ticks())
        else {
            return;
        };
        let Ask { bucket, epoch, .. } = denial.ask;
        let covers = self.rule.covers(denial.ask.cost());
        let found = (denial.state, denial.now);
        denials.remember(bucket.key, *epoch, found, covers, retry);
    }

    /// Gives back a booking that nobody waits for any more.
    pub(super) fn give_back(self: &Arc<Self>, bucket: Bucket, cost: Cost, answer: &Answer) {
        if let Some(booking) = answer.booking {
            self.forget(bucket.key);
            let entry = Entry::GiveBack(cost, booking.due, booking.mark);
            self.tell(self.ask(bucket, entry));
        }
    }

    /// An answer that nobody waits for, or not any more.
    pub(super) fn missed(self: &Arc<Self>, ask: &Ask, answer: &Answer) {
        match ask.entry {
            Entry::GiveBack(..) => self.forget(ask.bucket.key),
            _ => self.give_back(ask.bucket.clone(), answer.taken, answer),
        }
    }

    /// The decision about a bucket never seen.
    pub(super) fn unseen(&self, cost: Cost) -> Decision {
        self.rule.decide(&mut R::State::default(), UNSEEN, cost)
    }

    pub(super) fn unseen_up_to(&self, cost: Cost) -> (Cost, Decision) {
        take_up_to(&self.rule, &mut R::State::default(), UNSEEN, cost)
    }

    /// A policy decides instead of Redis.
    pub(super) fn fell_back(&self, error: &Error) {
        self.counters.fell_back();
        self.log.fell_back(&self.name, error);
        if let Some(observer) = &self.observer {
            observer.fell_back(&self.name);
        }
    }
}

impl Lines {
    pub(super) fn len(&self, key: u64) -> usize {
        lock(&self.0).get(&key).copied().unwrap_or(0)
    }

    pub(super) fn join(&self, key: u64) {
        *lock(&self.0).entry(key).or_insert(0) += 1;
    }

    pub(super) fn leave(&self, key: u64) {
        let mut lines = lock(&self.0);
        if let Some(length) = lines.get_mut(&key) {
            *length -= 1;
            if *length == 0 {
                lines.remove(&key);
            }
        }
    }
}
