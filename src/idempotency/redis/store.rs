//! Records in Redis.

use std::{
    fmt,
    pin::pin,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use bytes::Bytes;
use tokio::time::timeout;

use crate::idempotency::{
    claim::{Claim, ClaimRequest, LeaseStatus, Takeover},
    fingerprint::Fingerprint,
    scope::Name,
    store::{Store, StoreError},
    token::Token,
};
use crate::{
    clock::{Manual, ticks},
    redis::Connection,
};

use super::{
    ask::Asker,
    bells::Bells,
    large::{LARGE, Transfers, Wanted},
    listen::ListenForCompletions,
    pause::Pauses,
    reply::Claimed,
};
use super::{counts::RedisCounts, eviction};

/// The longest lease and keep, 30 years: with the present they are whole numbers
/// in Lua.
const LONGEST: u64 = 30 * 365 * 86_400 * 1_000_000;

/// Records in Redis: for a fleet, where a retry meets another instance.
///
/// It is a handle, and clones are one store; so are all of one name on one prefix,
/// in however many processes.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use sluicegate::{
///     idempotency::{Claimant, Redis, Runner, Takeover},
///     redis::Connection,
/// };
///
/// let connection = Connection::connect("redis://127.0.0.1/").await?;
/// let store = Redis::new("payments", &connection);
/// assert_eq!(store.eviction_policy().await?.as_deref(), Some("noeviction"));
/// let runner = Runner::over(Claimant::new(store).takeover(Takeover::Refuse));
/// # let _ = runner;
/// # Ok(()) }
/// ```
///
/// # Calls
///
/// Each of claim, renew, complete and release is one call of one script, which
/// goes by [`state`](crate::idempotency::state) and by the server's clock. Work that is
/// done for the first time costs two, claim and complete; a duplicate costs one,
/// for a record of up to 16 KiB comes with the answer to the claim.
///
/// Larger records are fetched by a second call. Duplicates that ask for the same
/// completed record at the same time share that call: one of them makes it, and if it
/// fails, is dropped or takes too long, the others ask by themselves
/// ([`RedisCounts::shared`] counts them). Large records have a
/// [lane](crate::redis::Lane::LargeRecords) of their own, and more time: the
/// connection's timeout, and once more that for each 64 KiB of the record and of
/// those under way before it, so that a megabyte may take 17 timeouts, 1.7 seconds
/// unless set. At most 64 MiB of them are under way at once on a runtime, and each
/// runtime fetches for itself; what finds
/// no room waits for it within that time.
///
/// A call whose answer was lost, by a timeout or with its connection, is made once
/// more with the same token, which does it once all the same: who holds a lease
/// already is told to run again, and what was completed is completed. Only a
/// release that is made twice may be told that the lease is lost. A
/// [`Claimant`](crate::idempotency::Claimant) asks a store that failed once more by itself, so
/// that a claim is sent four times at most, and takes four of the connection's
/// [timeouts](crate::redis::Builder::timeout), with a large record four times what
/// that may take besides. While the breaker is open it fails
/// at once, and nothing is run.
///
/// # Waiting
///
/// Who waits for work that runs elsewhere leaves a mark in its record, and is told
/// of the end by a message; completions that nobody waits for publish nothing. As
/// messages may be lost, it also asks again, after 50 ms at first and each second
/// at last. Messages need RESP3; without it there is the asking.
///
/// # Keys
///
/// A record is one string, `<prefix>:{<store>:<name>}:idempotency`, whose layout is
/// at the head of `lua/idempotency.lua`. Every write sets when it expires: nothing
/// stays for ever. Names are digests, so that nobody reads a client's key there.
///
/// # Rights
///
/// Those of [all scripts](crate::redis#rights). To wait by messages also `PUBLISH`,
/// `SUBSCRIBE` and the channels `<prefix>:*`; to be warned of eviction, `INFO`.
///
/// # What Redis may lose
///
/// A record that is lost is work that is done again, if its request comes again. If it
/// is lost while the work runs, its completion writes it anew with the same token, and
/// the client gets its answer: [`Restored`](crate::idempotency::Event::Restored) tells how often. If
/// another has begun the work meanwhile, both run, and the other's answer counts.
///
/// * **Eviction**: a server that runs full drops records to make room, unless its
///   `maxmemory-policy` is `noeviction`, with which it refuses new ones:
///   [`Full`](StoreError::Full). All records expire, so that a `volatile-` policy
///   drops them too. The policy is read once Redis has answered the first claim
///   (in a Cluster, of one node), and a warning is logged if it is another;
///   [`eviction_policy`](Self::eviction_policy) tells it.
/// * **A crash**: without persistence all is gone. With `appendonly yes` it is what
///   came in the last second; with `appendfsync always` nothing that was answered.
/// * **A clock that is set ahead**: records expire by the server's wall clock, so a
///   step ahead is time that passes. A lease lapses, and a step by more than what is
///   left of lease and `keep` forgets the record, so that the work is run again,
///   under [`Takeover::Refuse`], too. No script can tell that from time: Redis has
///   removed the record before. [`Durable`](crate::idempotency::Durable) believes an hour at
///   most; here `keep` is the bound, so keep records for longer than any step that
///   your servers' clocks may make (an hour at least), and have time services slew
///   clocks, not set them. A step back only keeps records for longer.
/// * **A failover**: what the replica had not yet been sent. `min-replicas-to-write`
///   bounds that, and only a `WAIT` would end it, which is not made: it would hold
///   up all calls on the connection.
///
/// Where that may not be, have the end of the work refuse a second time by itself,
/// such as by a unique constraint on the [`Name`] or the [`Token`].
#[derive(Clone)]
pub struct Redis {
    asker: Arc<Asker>,
    bells: Arc<Bells>,
    transfers: Arc<Transfers>,
}

impl Redis {
    /// The store of this name.
    pub fn new(name: &str, connection: &Connection) -> Self {
        Self::of(Asker::new(name, connection, None))
    }

    /// One that goes by this clock instead of the server's, for tests and replays.
    #[doc(hidden)]
    pub fn at(name: &str, connection: &Connection, clock: Manual) -> Self {
        Self::of(Asker::new(name, connection, Some(clock)))
    }

    fn of(asker: Asker) -> Self {
        Self {
            asker: Arc::new(asker),
            bells: Arc::default(),
            transfers: Arc::default(),
        }
    }

    /// What it did so far.
    pub fn counts(&self) -> RedisCounts {
        self.asker.counters.counts()
    }

    /// The server's `maxmemory-policy`, by which it may drop records unless that is
    /// `noeviction`; `None` where the user has no right to `INFO`. In a Cluster it
    /// is that of one node.
    ///
    /// # Errors
    ///
    /// When Redis does not answer.
    pub async fn eviction_policy(&self) -> Result<Option<String>, StoreError> {
        Ok(eviction::policy(&self.asker).await?.into_name())
    }
}

impl Store for Redis {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let call = || {
            let mut call = self.asker.call(name, "claim");
            call.arg(request.fingerprint.as_bytes().as_slice());
            call.arg(request.token.as_bytes().as_slice());
            call.arg(word(request.takeover));
            call.arg(micros(request.lease)).arg(micros(request.keep));
            call.arg(LARGE);
            call
        };
        loop {
            let claimed = self.asker.ask(call).await?.claim()?;
            eviction::warn_once(&self.asker);
            let large = match claimed {
                Claimed::Here(claim) => return Ok(claim),
                Claimed::Large(large) => large,
            };
            let fingerprint = request.fingerprint;
            let wanted = Wanted {
                name,
                fingerprint,
                large,
            };
            // What was forgotten meanwhile is claimed anew.
            if let Some(record) = self.transfers.fetch(&self.asker, wanted).await? {
                return Ok(Claim::Replay(record));
            }
        }
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let call = || {
            let mut call = self.asker.call(name, "renew");
            call.arg(token.as_bytes().as_slice()).arg(micros(lease));
            call
        };
        self.asker.ask(call).await?.held()
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let call = || {
            let mut call = self.asker.last_call(name, token, "complete");
            call.arg(micros(keep)).arg(&record[..]);
            call
        };
        let told = self.transfers.tell(&self.asker, record.len(), call);
        told.await?.held()
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let call = || {
            let mut call = self.asker.last_call(name, token, "restore");
            call.arg(micros(keep)).arg(&record[..]);
            call.arg(fingerprint.as_bytes().as_slice());
            call
        };
        let told = self.transfers.tell(&self.asker, record.len(), call);
        told.await?.held()
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        let call = || self.asker.last_call(name, token, "release");
        self.asker.ask(call).await?.held()
    }

    async fn settled(&self, name: Name) {
        self.bells.listener.start(|| ListenForCompletions {
            asker: Arc::clone(&self.asker),
            bells: Arc::downgrade(&self.bells),
        });
        let bell = self.bells.bell(name);
        let (counters, mut pauses) = (&self.asker.counters, Pauses::default());
        loop {
            // Before it is asked, or what is said meanwhile would not be heard.
            let mut rung = pin!(bell.rung());
            rung.as_mut().enable();
            if self.asker.is_settled(name).await {
                return;
            }
            // Messages may be lost.
            let woken = match timeout(pauses.next(), rung).await {
                Ok(()) => &counters.rung,
                Err(_) => &counters.polled,
            };
            woken.fetch_add(1, Relaxed);
        }
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.asker.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

fn word(takeover: Takeover) -> &'static str {
    match takeover {
        Takeover::Rerun => "rerun",
        Takeover::Refuse => "refuse",
    }
}

fn micros(time: Duration) -> u64 {
    ticks(time).min(LONGEST)
}
