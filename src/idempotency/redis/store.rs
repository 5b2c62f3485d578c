//! The public handle of the store in Redis.

use std::{fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use redis::Cmd;

use super::{
    client::RecordClient,
    counts::RedisCounts,
    eviction,
    large_records::{MAX_SMALL_BYTES, Transfers, WantedRecord},
    store_reply::ClaimReply,
    waiting::Waits,
};
use crate::{
    clock::ticks,
    idempotency::{
        claim::{Claim, ClaimRequest, LeaseStatus, Takeover},
        fingerprint::Fingerprint,
        scope::Name,
        store::{Store, StoreError},
        token::Token,
    },
    redis::Connection,
};

/// The longest lease and keep: 30 years. Together with the present they are
/// exact numbers in Lua.
const MAX_TICKS: u64 = 30 * 365 * 86_400 * 1_000_000;

/// Records in Redis: for a fleet, where a retry may reach another instance.
///
/// It is a handle, and clones are one store. All handles with the same name and
/// prefix are one store, too, in any number of processes.
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
/// Claim, renew, complete and release are one call of a script each, which
/// follows [`State`](crate::idempotency::state::State) by the server's clock.
/// Work that is done for the first time costs two calls, claim and complete. A
/// duplicate costs one, because a record of up to 16 KiB comes with the reply
/// to the claim.
///
/// A larger record is fetched by a second call. Duplicates that need the same
/// record at the same time share that call: one of them makes it, and
/// [`RedisCounts::shared`] counts the others. If it fails or is dropped, one of
/// the others makes the call again. One that has waited too long makes a call
/// of its own. Large records have their own
/// [lane](crate::redis::Lane::LargeRecords) and more time: the connection's
/// timeout, and the same again for each 64 KiB of the record and of those under
/// way before it. A megabyte may take 17 timeouts, 1.7 seconds by default. On
/// each runtime, at most 64 MiB of them are under way at once, and further ones
/// wait within their time.
///
/// A call whose reply was lost, by a timeout or with its connection, is
/// repeated once with the same token, which makes it take effect once: a holder
/// of the lease is told to run again, and completed work stays completed. Only
/// a repeated release may be told that the lease is lost. A
/// [`Claimant`](crate::idempotency::Claimant) repeats a failed claim once more
/// itself. A claim is therefore sent four times at most, and takes at most four
/// of the connection's [timeouts](crate::redis::Builder::timeout), and with a
/// large record four times the time of that record as well. While the breaker
/// is open, a call fails at once, and no work runs.
///
/// # Waiting
///
/// A caller that waits for work on another instance marks the record, and a
/// message tells it of the end. Completions without waiting callers publish
/// nothing. Because messages may be lost, a caller also asks again, after 50 ms
/// at first and each second at last. Messages need RESP3; without it, callers
/// only ask again.
///
/// # Keys
///
/// A record is one string, `<prefix>:{<store>:<name>}:idempotency`. The head of
/// `lua/idempotency.lua` describes its layout. Every write sets an expiry, so
/// nothing stays for ever. Names are digests, so the keys of clients cannot be
/// read there.
///
/// # Rights
///
/// Those of [all scripts](crate::redis#rights). Messages also need `PUBLISH`,
/// `SUBSCRIBE` and the channels `<prefix>:*`. The warning about eviction needs
/// `INFO`.
///
/// # What Redis may lose
///
/// If a record is lost, its work is done again when its request comes again. If
/// it is lost while the work runs, the completion writes it again with the same
/// token, and the client gets its response:
/// [`Restored`](crate::idempotency::Event::Restored) counts that. If another
/// holder has begun the work meanwhile, both run, and the other's response
/// counts.
///
/// * **Eviction**: a full server drops records to make room, unless its
///   `maxmemory-policy` is `noeviction`. With that it refuses new ones:
///   [`Full`](StoreError::Full). All records expire, so a `volatile-` policy
///   drops them, too. The store reads the policy after the first claim (in a
///   Cluster, of one node), and logs a warning if it is another.
///   [`eviction_policy`](Self::eviction_policy) returns it.
/// * **A crash**: without persistence, all records are lost. With
///   `appendonly yes`, those of the last second are; with `appendfsync always`,
///   none that was confirmed.
/// * **A clock that is set ahead**: records expire by the server's wall clock,
///   so a step ahead counts as time that has passed. A lease lapses. A step by
///   more than the rest of lease and `keep` removes the record, so the work
///   runs again, even with [`Takeover::Refuse`]. No script can prevent that,
///   because Redis has removed the record before. `Durable` counts an hour at
///   most; here `keep` is the bound. Keep records longer than any step that the
///   clocks of your servers may make (an hour at least), and let time services
///   slew clocks instead of setting them. A step back only keeps records
///   longer.
/// * **A failover**: writes that the replica had not received yet are lost.
///   `min-replicas-to-write` bounds that. Only `WAIT` would prevent it. It is
///   not used, because it would delay all calls on the connection.
///
/// If that must not happen, let the target of the work refuse a second time by
/// itself, for example by a unique constraint on the [`Name`] or the [`Token`].
#[derive(Clone)]
pub struct Redis {
    /// Makes the calls.
    client: Arc<RecordClient>,
    /// The waiting callers, and the task that listens.
    waits: Arc<Waits>,
    /// The large records under way.
    transfers: Arc<Transfers>,
}

impl Redis {
    /// Creates a handle to the store of this name.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), sluicegate::redis::Error> {
    /// use sluicegate::{idempotency::Redis, redis::Connection};
    ///
    /// let connection = Connection::connect("redis://127.0.0.1/").await?;
    /// let (payments, mails) = (Redis::new("payments", &connection), Redis::new("mails", &connection));
    /// # Ok(()) }
    /// ```
    pub fn new(name: &str, connection: &Connection) -> Self {
        Self::over(RecordClient::new(name, connection, None))
    }

    /// Creates a handle that uses this clock instead of the server's, for tests
    /// and replays.
    #[cfg(feature = "testing")]
    #[doc(hidden)]
    pub fn at(name: &str, connection: &Connection, clock: crate::clock::Manual) -> Self {
        Self::over(RecordClient::new(name, connection, Some(clock)))
    }

    /// Creates a handle over this client.
    fn over(client: RecordClient) -> Self {
        Self {
            client: Arc::new(client),
            waits: Arc::default(),
            transfers: Arc::default(),
        }
    }

    /// Returns the counts of this store in this process.
    pub fn counts(&self) -> RedisCounts {
        self.client.counters.counts()
    }

    /// Returns the server's `maxmemory-policy`, by which it may drop records
    /// unless it is `noeviction`; `None` if the user has no right to `INFO`. In
    /// a Cluster it is that of one node.
    ///
    /// # Errors
    ///
    /// If Redis does not reply.
    pub async fn eviction_policy(&self) -> Result<Option<String>, StoreError> {
        Ok(eviction::policy(&self.client).await?.into_name())
    }

    /// Ends the work with a record, which may be large.
    async fn store_record(
        &self,
        record: &Bytes,
        call: impl Fn() -> Cmd,
    ) -> Result<LeaseStatus, StoreError> {
        let sent = self.transfers.send(&self.client, record.len(), call);
        sent.await?.lease_status()
    }
}

impl Store for Redis {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        let call = || {
            let mut call = self.client.command(name, "claim");
            call.arg(request.fingerprint.as_bytes().as_slice());
            call.arg(request.token.as_bytes().as_slice());
            call.arg(takeover_word(request.takeover));
            call.arg(micros(request.lease)).arg(micros(request.keep));
            call.arg(MAX_SMALL_BYTES);
            call
        };
        loop {
            let reply = self.client.run(call).await?.claim()?;
            // Only now, because a server that is down would be asked twice.
            eviction::warn_once(&self.client);
            let large = match reply {
                ClaimReply::Claim(claim) => return Ok(claim),
                ClaimReply::Large(large) => large,
            };
            let wanted = WantedRecord {
                name,
                fingerprint: request.fingerprint,
                large,
            };
            // A record that expired before it was fetched is claimed anew.
            if let Some(record) = self.transfers.fetch(&self.client, wanted).await? {
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
            let mut call = self.client.command(name, "renew");
            call.arg(token.as_bytes().as_slice()).arg(micros(lease));
            call
        };
        self.client.run(call).await?.lease_status()
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let call = || {
            let mut call = self.client.final_command(name, token, "complete");
            call.arg(micros(keep)).arg(&record[..]);
            call
        };
        self.store_record(&record, call).await
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
            let mut call = self.client.final_command(name, token, "restore");
            call.arg(micros(keep)).arg(&record[..]);
            call.arg(fingerprint.as_bytes().as_slice());
            call
        };
        self.store_record(&record, call).await
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        let call = || self.client.final_command(name, token, "release");
        self.client.run(call).await?.lease_status()
    }

    async fn settled(&self, name: Name) {
        self.waits.settled(&self.client, name).await;
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("name", &self.client.name)
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

/// Returns the takeover as the script reads it.
fn takeover_word(takeover: Takeover) -> &'static str {
    match takeover {
        Takeover::Rerun => "rerun",
        Takeover::Refuse => "refuse",
    }
}

/// Returns a time as the script reads it, bounded.
fn micros(time: Duration) -> u64 {
    ticks(time).min(MAX_TICKS)
}
