//! Sends a batch to Redis, and reads its reply.
//!
//! The lowest layer of a limiter. The [queue](super::queue) above it decides
//! which requests share a batch. The client also handles the other facts of a
//! reply about a bucket: a denial to remember, a lease, an unreadable state.

use std::sync::Arc;

use ahash::RandomState;
use tokio::runtime::Handle;

use super::{
    call::{
        batch::{Batch, Notice},
        replay::{Denial, Grant},
        request::{Bucket, BucketResult, Epoch, Request},
    },
    counts::{Counters, RequestEvent},
    denial_cache::DenialCache,
    hold::HoldSettings,
    lease::{LEASE_REVIEW_TICKS, LeaseTable},
    unreadable::UnreadableLog,
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
        warn_log::WarnLog,
    },
    redis::{Connection, Error, ErrorKind, EvictionCheck, EvictionPolicy},
};

/// The instant at which a bucket never seen is decided; any other would do.
const UNSEEN: Tick = 1;

/// The rule and the connection that all clones of a limiter share, and what
/// they know of their buckets and their server.
pub(super) struct Client<R: Scripted> {
    pub(super) rule: R,
    /// The name of the limiter, for logs and metrics, and part of the names of
    /// its buckets.
    pub(super) name: Arc<str>,
    /// Already on the lane of limits.
    pub(super) connection: Connection,
    /// The terms of the rule, with which every call begins.
    pub(super) terms: String,
    /// `None` if denials are not remembered.
    pub(super) denials: Option<DenialCache<R::State>>,
    /// `None` if nothing is leased.
    pub(super) leases: Option<LeaseTable<R::State>>,
    /// Seeded anew in each process, so that no user can choose keys that
    /// collide.
    pub(super) hasher: RandomState,
    /// Shared with the registry of metrics.
    pub(super) counters: Arc<Counters>,
    /// Notified when a policy decides.
    pub(super) observer: Option<Arc<dyn Observe>>,
    /// Limited to ten events at once, and then one a second.
    pub(super) log: WarnLog,
    /// The buckets that were logged as unreadable.
    pub(super) unreadable: UnreadableLog,
    pub(super) holds: HoldSettings,
    /// Whether the eviction policy of the server is known.
    pub(super) eviction: EvictionCheck,
}

impl<R: Scripted> Client<R> {
    /// The bucket of a key: `<prefix>:{<limiter>:<key>}:<letter of the rule>`.
    pub(super) fn bucket<K: StoreKey + ?Sized>(&self, key: &K) -> Bucket {
        let mut name = bucket_name(self.connection.prefix(), &self.name, key);
        // The letters of rules are one byte each.
        name.extend([b':', self.rule.kind() as u8]);
        let hash = self.hasher.hash_one(name.as_slice());
        Bucket { name, hash }
    }

    /// A request that is to be sent now; see [`Request`] for what it records.
    pub(super) fn request(&self, bucket: Bucket, operation: Operation) -> Request {
        let denials = self.denials.as_ref();
        let epoch = denials.map_or(Epoch::default(), |denials| denials.epoch(bucket.hash));
        Request {
            bucket,
            operation,
            epoch,
            made_at: self.leases.as_ref().map_or(0, LeaseTable::now),
        }
    }

    /// Sends a batch in one call, reads the reply, and calls `answer` for each
    /// request, in order.
    ///
    /// Calls `unattended` for each bucket with a lease that no task looks
    /// after.
    pub(super) async fn send(
        &self,
        batch: &Batch,
        mut answer: impl FnMut(usize, BucketResult),
        mut unattended: impl FnMut(&Bucket),
    ) {
        let requests = batch.requests();
        self.counters.count_call(requests.len(), batch.entries());
        let call = batch.call(&self.rule, &self.terms);
        let reply = self.connection.run(R::script(), call).await;
        if let (Ok(_), Some(request)) = (&reply, requests.first()) {
            self.learn_eviction_policy(&request.bucket);
        }
        let mut answer = |position, reply: BucketResult| {
            if let Ok(reply) = &reply {
                self.counters.count_lapsed(reply.lapsed);
            }
            answer(position, reply);
        };
        let mut notice = |notice: Notice<'_, R::State>| match notice {
            Notice::Denied(denial) => self.remember(&denial),
            Notice::Granted(grant) => {
                if self.add_lease(&grant) {
                    unattended(&grant.request.bucket);
                }
            }
            Notice::Unreadable(bucket) => self.report_unreadable(bucket),
        };
        let read =
            reply.and_then(|reply| batch.read_reply(&self.rule, &reply, &mut notice, &mut answer));
        if let Err(error) = read {
            (0..requests.len()).for_each(|position| answer(position, Err(error.clone())));
        }
    }

    /// Remembers a denial, if the limiter does so.
    pub(super) fn remember(&self, denial: &Denial<'_, R::State>) {
        let Some((denials, retry)) = self.denials.as_ref().zip(denial.decision.retry_ticks())
        else {
            return;
        };
        // Another process may return its share before that.
        let retry = match self.leases {
            Some(_) => retry.min(LEASE_REVIEW_TICKS),
            None => retry,
        };
        denials.remember(denial, retry);
    }

    /// Forgets the denial of a bucket that may have become fuller.
    pub(super) fn forget(&self, hash: u64) {
        if let Some(denials) = &self.denials {
            denials.forget(hash);
        }
    }

    /// Makes a granted share available. Returns whether a task has to be found
    /// that looks after it.
    fn add_lease(&self, grant: &Grant<'_, R::State>) -> bool {
        let Some(leases) = &self.leases else {
            return false;
        };
        let mut charged = grant.state.clone();
        self.rule.debit(&mut charged, grant.now, grant.granted);
        leases.add(grant, charged)
    }

    /// Counts a state that cannot be read, and logs it once for each bucket.
    pub(super) fn report_unreadable(&self, bucket: &Bucket) {
        self.counters.count(RequestEvent::Unreadable);
        self.unreadable.report(&self.name, bucket);
    }

    /// Finds out in the background whether the server drops buckets when it is
    /// full, unless that is known, and warns if it does.
    pub(super) fn learn_eviction_policy(&self, bucket: &Bucket) {
        let Some(task) = self.eviction.begin() else {
            return;
        };
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let (connection, key) = (self.connection.clone(), bucket.name.clone());
        let (log, limiter) = (self.log.clone(), self.name.clone());
        runtime.spawn(async move {
            if let Ok(policy) = EvictionPolicy::ask_uncounted(&connection, &key).await {
                task.done();
                if let Some(policy) = policy.unsafe_name() {
                    log.evicts(&limiter, policy);
                }
            }
        });
    }

    /// The decision about a bucket never seen.
    pub(super) fn unseen(&self, cost: Cost) -> Decision {
        self.rule.decide(&mut R::State::default(), UNSEEN, cost)
    }

    /// How much a bucket never seen gives of up to `cost`, and its decision.
    pub(super) fn unseen_up_to(&self, cost: Cost) -> (Cost, Decision) {
        take_up_to(&self.rule, &mut R::State::default(), UNSEEN, cost)
    }

    /// Counts and logs that a policy decides because of `error`. The returned
    /// error says when Redis may answer again.
    pub(super) fn report_fallback(&self, error: Error) -> Error {
        self.counters.count(RequestEvent::FellBack);
        // An unreadable state has a log line of its own.
        if error.kind() != ErrorKind::Unreadable {
            self.log.fell_back(&self.name, &error);
        }
        if let Some(observer) = &self.observer {
            observer.fell_back(&self.name);
        }
        self.connection.with_retry(error)
    }
}
