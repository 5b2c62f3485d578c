//! Calls with large records. They have their own lane and more time, the larger
//! they are. Callers that need the same record at the same time share one
//! fetch.
//!
//! A transfer of a megabyte takes longer than a call may. On the lane of the
//! small ones it would delay them, and its timeouts would open their breaker.

use std::{
    collections::HashMap,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};

use ahash::RandomState;
use bytes::Bytes;
use redis::Cmd;
use tokio::{
    runtime::{Handle, Id},
    sync::{Semaphore, watch},
    time::{Instant, timeout, timeout_at},
};

use super::{
    client::RecordClient,
    store_reply::{LargeRecord, StoreReply},
};
use crate::{
    idempotency::{fingerprint::Fingerprint, scope::Name, store::StoreError, token::Token},
    redis::Error,
    runtime::{Idle, PerRuntime},
    sync::{Mutex, lock},
};

/// Larger records do not come with the reply to a claim.
pub(super) const MAX_SMALL_BYTES: usize = 16 * 1024;

/// A call may take another timeout for each of these.
const BYTES_PER_TIMEOUT: usize = 64 * 1024;

/// How many KiB of large records may be under way at once on a runtime.
const MAX_KIB_UNDER_WAY: usize = 64 * 1024;

/// The large records under way. Each runtime counts its own, so that none waits
/// for another one that is blocked.
#[derive(Default)]
pub(super) struct Transfers {
    /// The budget of each runtime.
    budgets: PerRuntime<TransferBudget>,
    /// The fetches under way, by the record that they fetch.
    fetches: Mutex<HashMap<FetchKey, Fetched, RandomState>>,
}

/// The budget of a runtime, with a permit for each KiB.
struct TransferBudget(Arc<Semaphore>);

impl Default for TransferBudget {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MAX_KIB_UNDER_WAY)))
    }
}

impl Idle for TransferBudget {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// A record and the runtime that fetches it. The token identifies the record,
/// because it completes one only.
type FetchKey = (Name, Fingerprint, Token, Id);

/// The answer to a fetch: the record, or `None` if it has expired.
type Found = Option<Bytes>;

/// Gets what the caller that fetches has found; `None` until then.
type Fetched = watch::Receiver<Option<Found>>;

/// The record to fetch.
#[derive(Clone, Copy)]
pub(super) struct WantedRecord {
    /// The name of the work.
    pub(super) name: Name,
    /// The fingerprint of the claim, which the record has to match.
    pub(super) fingerprint: Fingerprint,
    /// Its size and token, as the reply to the claim told.
    pub(super) large: LargeRecord,
}

/// The part of a caller in a shared fetch.
enum FetchRole<'a> {
    Leader(Leader<'a>),
    Follower(Fetched),
}

/// The caller that fetches a record. If it is dropped without one, the next
/// caller becomes the leader.
///
/// Its drop removes the fetch, so that the next caller begins a new one.
struct Leader<'a> {
    /// Where the fetch ends.
    transfers: &'a Transfers,
    /// The record.
    key: FetchKey,
    /// Hands what was found to the followers. If it is dropped before, the
    /// first of them becomes the leader.
    found: watch::Sender<Option<Found>>,
}

impl Transfers {
    /// Fetches a record; `None` if it has expired meanwhile. If the leader ends
    /// without an answer, a follower takes its place. A follower keeps its own
    /// time limit, after which it fetches by itself.
    pub(super) async fn fetch(
        &self,
        client: &RecordClient,
        wanted: WantedRecord,
    ) -> Result<Option<Bytes>, StoreError> {
        let until = Instant::now() + max_time_in(&self.budget(), client, wanted.large.bytes);
        loop {
            match self.role(wanted.key()) {
                FetchRole::Leader(leader) => {
                    let record = self.fetch_alone(client, wanted).await?;
                    leader.found.send_replace(Some(record.clone()));
                    return Ok(record);
                }
                FetchRole::Follower(mut fetched) => {
                    let Ok(shared) = timeout_at(until, received(&mut fetched)).await else {
                        return self.fetch_alone(client, wanted).await;
                    };
                    if let Some(found) = shared {
                        client.counters.shared.fetch_add(1, Relaxed);
                        return Ok(found);
                    }
                }
            }
        }
    }

    /// Fetches a record by an own call.
    async fn fetch_alone(
        &self,
        client: &RecordClient,
        wanted: WantedRecord,
    ) -> Result<Option<Bytes>, StoreError> {
        client.counters.fetched.fetch_add(1, Relaxed);
        let call = || {
            let mut call = client.command(wanted.name, "fetch");
            call.arg(wanted.fingerprint.as_bytes().as_slice());
            call.arg(wanted.large.token.as_bytes().as_slice());
            call
        };
        let transferred = self.transfer(client, wanted.large.bytes, call);
        transferred.await?.fetched()
    }

    /// Makes a call that carries a record of this size, large or not.
    ///
    /// Small records go with the other calls.
    pub(super) async fn send(
        &self,
        client: &RecordClient,
        bytes: usize,
        call: impl Fn() -> Cmd,
    ) -> Result<StoreReply, StoreError> {
        match bytes > MAX_SMALL_BYTES {
            true => self.transfer(client, bytes, call).await,
            false => client.run(call).await,
        }
    }

    /// Makes a call that carries a large record, in either direction.
    ///
    /// Waiting for the budget counts as part of its time, but the call itself
    /// has at least the usual timeout.
    async fn transfer(
        &self,
        client: &RecordClient,
        bytes: usize,
        call: impl Fn() -> Cmd,
    ) -> Result<StoreReply, StoreError> {
        let budget = self.budget();
        let (within, began) = (max_time_in(&budget, client, bytes), Instant::now());
        let kib = bytes.div_ceil(1024).min(MAX_KIB_UNDER_WAY) as u32;
        let permit = timeout(within, budget.acquire_many(kib)).await;
        // The semaphore is never closed, so an error is a timeout.
        let _permit = permit.map_err(|_| Error::late(within))?;
        let left = within.saturating_sub(began.elapsed());
        // Waiting for the budget must not leave the call without time.
        let left = left.max(client.connection.timeout());
        client.run_large(left, call).await
    }

    /// Returns the budget of this runtime.
    fn budget(&self) -> Arc<Semaphore> {
        Arc::clone(&self.budgets.of(Handle::current().id()).0)
    }

    /// Joins the fetch of this record, or begins one.
    fn role(&self, key: FetchKey) -> FetchRole<'_> {
        let mut fetches = lock(&self.fetches);
        if let Some(fetched) = fetches.get(&key) {
            return FetchRole::Follower(fetched.clone());
        }
        let (found, fetched) = watch::channel(None);
        fetches.insert(key, fetched);
        FetchRole::Leader(Leader {
            transfers: self,
            key,
            found,
        })
    }
}

/// Returns how long a call may take: a timeout, and another for each 64 KiB of
/// the record and of those under way before it.
fn max_time_in(budget: &Semaphore, client: &RecordClient, bytes: usize) -> Duration {
    let before = (MAX_KIB_UNDER_WAY - budget.available_permits()) * 1024;
    max_time(client.connection.timeout(), before.saturating_add(bytes))
}

/// Returns the timeout for this many bytes.
fn max_time(timeout: Duration, bytes: usize) -> Duration {
    let more = u32::try_from(bytes.div_ceil(BYTES_PER_TIMEOUT)).unwrap_or(u32::MAX);
    timeout.saturating_mul(more.saturating_add(1))
}

/// Returns what the leader has found; `None` if it ended without an answer.
async fn received(fetched: &mut Fetched) -> Option<Found> {
    let found = fetched.wait_for(Option::is_some).await.ok()?;
    found.clone()
}

impl WantedRecord {
    /// Identifies the fetch on this runtime.
    fn key(&self) -> FetchKey {
        let runtime = Handle::current().id();
        (self.name, self.fingerprint, self.large.token, runtime)
    }
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        lock(&self.transfers.fetches).remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_grows_with_the_bytes() {
        let timeout = Duration::from_millis(100);
        for (bytes, timeouts) in [
            (0, 1),
            (MAX_SMALL_BYTES + 1, 2),
            (BYTES_PER_TIMEOUT, 2),
            (BYTES_PER_TIMEOUT + 1, 3),
            (1 << 20, 17),
        ] {
            assert_eq!(max_time(timeout, bytes), timeout * timeouts, "{bytes}");
        }
        let _ = max_time(Duration::from_secs(3_600), usize::MAX);
    }
}
