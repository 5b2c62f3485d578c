//! What the clones of a limiter share, and how a question gets its answer.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::Duration,
};

use ahash::RandomState;
use redis::Value;

use super::{
    batch::{Batch, Denial, Leased, Notice},
    counts::Counters,
    denial_cache::{Denials, Epoch},
    lease::{LOOK, Leases, Look},
    queue::{Queue, Reply},
    request::{Answer, Ask, Booking, Bucket},
    unreadable::Unreadable,
};
use crate::{
    clock::Tick,
    key::{StoreKey, bucket_name},
    limit::{
        decision::Decision,
        observe::Observe,
        rules::{
            quota::Cost,
            rule::take_up_to,
            script::{Operation, Scripted},
        },
        warn_log::Log,
    },
    redis::{Connection, Error, ErrorKind, EvictionCheck},
    runtime::background,
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
    pub(super) leases: Option<Leases<R::State>>,
    pub(super) lines: Lines,
    pub(super) hasher: RandomState,
    pub(super) counters: Arc<Counters>,
    pub(super) observer: Option<Arc<dyn Observe>>,
    pub(super) log: Log,
    pub(super) unreadable: Unreadable,
    pub(super) eviction: EvictionCheck,
}

/// How many callers in this process wait for their turn, by bucket.
#[derive(Default)]
pub(super) struct Lines(Mutex<HashMap<u64, usize, RandomState>>);

impl<R: Scripted> Shared<R> {
    pub(super) fn bucket<K: StoreKey + ?Sized>(&self, key: &K) -> Bucket {
        let mut name = bucket_name(self.connection.prefix(), &self.name, key);
        // Letters: one byte each.
        name.extend([b':', self.rule.kind() as u8]);
        let key = self.hasher.hash_one(name.as_slice());
        Bucket { name, key }
    }

    pub(super) fn ask(&self, bucket: Bucket, entry: Operation) -> Ask {
        let denials = self.denials.as_ref();
        let epoch = denials.map_or(Epoch::default(), |denials| denials.epoch(bucket.key));
        let leases = self.leases.as_ref();
        Ask {
            bucket,
            entry,
            epoch,
            asked: leases.map_or(0, Leases::now),
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

    /// What a share of the bucket admits without a call.
    pub(super) fn spend(self: &Arc<Self>, bucket: &Bucket, cost: Cost) -> Option<Decision> {
        let leases = self.leases.as_ref()?;
        let (decision, renewal) = leases.spend(&self.rule, bucket.key, cost);
        if let Some(entry) = renewal.filter(|_| !self.connection.rejects_calls()) {
            self.tell(self.ask(bucket.clone(), entry));
        }
        if decision.is_some() {
            self.counters.spent();
        }
        decision
    }

    /// Forgets that a bucket denied, for it may have become fuller.
    pub(super) fn forget(&self, key: u64) {
        if let Some(denials) = &self.denials {
            denials.forget(key);
        }
    }

    pub(super) async fn ask_alone(self: &Arc<Self>, ask: Ask) -> Reply {
        let batch = Batch::single(ask);
        let reply = self.send(&batch).await;
        let mut answer = Err(Error::reply("a decision for each check"));
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
        self: &Arc<Self>,
        batch: &Batch,
        reply: Result<Value, Error>,
        mut tell: impl FnMut(usize, Reply),
    ) {
        if let (Ok(_), Some(ask)) = (&reply, batch.asks().first()) {
            self.look_at_eviction(&ask.bucket);
        }
        let settled = reply.and_then(|reply| {
            batch.settle(
                &self.rule,
                &reply,
                &mut |notice| self.notice(&notice),
                &mut tell,
            )
        });
        if let Err(error) = settled {
            (0..batch.asks().len()).for_each(|position| tell(position, Err(error.clone())));
        }
    }

    fn notice(self: &Arc<Self>, notice: &Notice<'_, R::State>) {
        match notice {
            Notice::Denied(denial) => self.remember(denial),
            Notice::Leased(lease) => self.leased(lease),
            Notice::Unreadable(bucket) => self.cannot_read(bucket),
        }
    }

    /// A state that cannot be read is counted, and told once.
    pub(super) fn cannot_read(&self, bucket: &Bucket) {
        self.counters.unreadable();
        self.unreadable.tell(&self.name, bucket);
    }

    pub(super) fn remember(&self, denial: &Denial<'_, R::State>) {
        let Some((denials, retry)) = self.denials.as_ref().zip(denial.decision.retry_ticks())
        else {
            return;
        };
        // What others have leased may come back before.
        let retry = if self.leases.is_some() {
            retry.min(LOOK)
        } else {
            retry
        };
        let (ask, found) = (denial.ask, (denial.state, denial.now));
        denials.remember(ask.bucket.key, ask.epoch, found, ask.cost(), retry);
    }

    /// What was leased can be spent; and there has to be somebody who gives
    /// back what is not.
    fn leased(self: &Arc<Self>, lease: &Leased<'_, R::State>) {
        let Some(leases) = &self.leases else {
            return;
        };
        let mut state = lease.state.clone();
        self.rule.debit(&mut state, lease.now, lease.granted);
        let bucket = &lease.ask.bucket;
        if leases.granted(bucket.key, lease, state) {
            let watch = watch(Arc::downgrade(self), bucket.clone());
            // Whatever becomes of the runtime that was granted it.
            background().spawn(watch);
        }
    }

    /// Gives back a booking that nobody waits for any more.
    pub(super) fn give_back(self: &Arc<Self>, bucket: Bucket, cost: Cost, answer: &Answer) {
        if let Some(booking) = answer.booking.filter(|_| answer.wait().is_some()) {
            self.take_back(bucket, Operation::GiveBack(cost, booking.due, booking.mark));
        }
    }

    /// Gives back what was charged for nothing.
    pub(super) fn undo(self: &Arc<Self>, bucket: Bucket, answer: &Answer) {
        if let Some(Booking { due, mark }) = answer.booking {
            // The mark tells how far from whole the bucket was before, with what
            // was out; that may have come back since, so it must not count.
            let mark = if self.leases.is_some() { 0 } else { mark };
            self.take_back(bucket, Operation::Undo(answer.taken, due, mark));
        }
    }

    fn take_back(self: &Arc<Self>, bucket: Bucket, entry: Operation) {
        self.forget(bucket.key);
        self.tell(self.ask(bucket, entry));
    }

    /// An answer that nobody waits for, or not any more.
    pub(super) fn missed(self: &Arc<Self>, ask: &Ask, answer: &Answer) {
        match ask.entry {
            Operation::GiveBack(..)
            | Operation::Undo(..)
            | Operation::Return(..)
            | Operation::Credit(_)
            | Operation::Reset => self.forget(ask.bucket.key),
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

    /// A policy decides instead of Redis. The error says from then on when Redis may
    /// answer again.
    pub(super) fn fell_back(&self, error: Error) -> Error {
        self.counters.fell_back();
        if error.kind() != ErrorKind::Unreadable {
            self.log.fell_back(&self.name, &error);
        }
        if let Some(observer) = &self.observer {
            observer.fell_back(&self.name);
        }
        self.connection.with_retry(error)
    }
}

/// Looks after a share for as long as it is there.
async fn watch<R: Scripted>(shared: Weak<Shared<R>>, bucket: Bucket) {
    loop {
        tokio::time::sleep(Duration::from_micros(LOOK)).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let Some(leases) = &shared.leases else {
            return;
        };
        match leases.look_after(bucket.key) {
            Look::Stay => {}
            Look::GiveBack(entry) => return shared.take_back(bucket, entry),
            Look::Gone => return,
        }
    }
}

impl Lines {
    pub(super) fn len(&self, key: u64) -> usize {
        lock(&self.0).get(&key).copied().unwrap_or(0)
    }

    /// Whether there was room, which is for so many.
    pub(super) fn join(&self, key: u64, most: usize) -> bool {
        let mut lines = lock(&self.0);
        let length = lines.get(&key).copied().unwrap_or(0);
        if length >= most {
            return false;
        }
        lines.insert(key, length + 1);
        true
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
