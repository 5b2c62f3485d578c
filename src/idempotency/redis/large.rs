//! Records that are too large to come with the answer to a claim: on a lane of
//! their own, in a time that grows with their size, each fetched once for all who
//! ask for it at the same time.

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
    ask::Asker,
    reply::{Large, Reply},
};
use crate::{
    idempotency::{fingerprint::Fingerprint, scope::Name, store::StoreError, token::Token},
    redis::Error,
    runtime::{Idle, PerRuntime},
    sync::{Mutex, lock},
};

/// A record of more bytes is large.
pub(super) const LARGE: usize = 16 * 1024;

/// A call may take one more timeout for each so many bytes.
const BYTES_A_TIMEOUT: usize = 64 * 1024;

/// How many KiB of large records may be under way at once on a runtime.
const ROOM: usize = 64 * 1024;

/// The large records that are under way. Those of another runtime, which may be held
/// up, take no room here, and nobody waits for them.
#[derive(Default)]
pub(super) struct Transfers {
    rooms: PerRuntime<Room>,
    fetches: Mutex<HashMap<Key, watch::Receiver<Option<Bytes>>, RandomState>>,
}

/// A permit is a KiB.
struct Room(Arc<Semaphore>);

impl Default for Room {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ROOM)))
    }
}

impl Idle for Room {
    fn is_idle(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// What says which record it is, and who fetches it: a token completes one record, and
/// never another.
type Key = (Name, Fingerprint, Token, Id);

/// Which record is fetched.
#[derive(Clone, Copy)]
pub(super) struct Wanted {
    pub(super) name: Name,
    pub(super) fingerprint: Fingerprint,
    pub(super) large: Large,
}

/// Who fetches a record.
enum Role<'a> {
    Leader(Leader<'a>),
    Follower(watch::Receiver<Option<Bytes>>),
}

/// The one who fetches it. Dropped without a record, it leaves that to another.
struct Leader<'a> {
    transfers: &'a Transfers,
    key: Key,
    tell: watch::Sender<Option<Bytes>>,
}

impl Transfers {
    /// The record; `None` if it is not there any more. Those who wait for another to
    /// fetch it keep a time of their own: after that, or when the other fails, they
    /// ask by themselves.
    pub(super) async fn fetch(
        &self,
        asker: &Asker,
        wanted: Wanted,
    ) -> Result<Option<Bytes>, StoreError> {
        let until = Instant::now() + allowed_in(&self.room(), asker, wanted.large.size);
        loop {
            match self.role(wanted.key()) {
                Role::Leader(leader) => {
                    let record = self.fetch_alone(asker, wanted).await?;
                    leader.tell.send_replace(record.clone());
                    return Ok(record);
                }
                Role::Follower(mut fetched) => {
                    let Ok(shared) = timeout_at(until, told(&mut fetched)).await else {
                        return self.fetch_alone(asker, wanted).await;
                    };
                    if shared.is_some() {
                        asker.counters.shared.fetch_add(1, Relaxed);
                        return Ok(shared);
                    }
                }
            }
        }
    }

    async fn fetch_alone(
        &self,
        asker: &Asker,
        wanted: Wanted,
    ) -> Result<Option<Bytes>, StoreError> {
        asker.counters.fetched.fetch_add(1, Relaxed);
        let call = || {
            let mut call = asker.call(wanted.name, "fetch");
            call.arg(wanted.fingerprint.as_bytes().as_slice());
            call.arg(wanted.large.token.as_bytes().as_slice());
            call
        };
        self.carry(asker, wanted.large.size, call).await?.fetched()
    }

    /// Makes a call that brings a record of this size.
    pub(super) async fn tell(
        &self,
        asker: &Asker,
        size: usize,
        call: impl Fn() -> Cmd,
    ) -> Result<Reply, StoreError> {
        match size > LARGE {
            true => self.carry(asker, size, call).await,
            false => asker.ask(call).await,
        }
    }

    /// Makes a call with which a large record goes either way.
    async fn carry(
        &self,
        asker: &Asker,
        size: usize,
        call: impl Fn() -> Cmd,
    ) -> Result<Reply, StoreError> {
        let room = self.room();
        let (within, began) = (allowed_in(&room, asker, size), Instant::now());
        let permits = size.div_ceil(1024).min(ROOM) as u32;
        let room = timeout(within, room.acquire_many(permits)).await;
        // It is never closed, so what is not late is a permit.
        let _room = room.map_err(|_| Error::late(within))?;
        let left = within.saturating_sub(began.elapsed());
        let left = left.max(asker.connection.timeout());
        asker.ask_for_large(left, call).await
    }

    /// The room of this runtime.
    fn room(&self) -> Arc<Semaphore> {
        Arc::clone(&self.rooms.of(Handle::current().id()).0)
    }

    fn role(&self, key: Key) -> Role<'_> {
        let mut fetches = lock(&self.fetches);
        if let Some(fetched) = fetches.get(&key) {
            return Role::Follower(fetched.clone());
        }
        let (tell, fetched) = watch::channel(None);
        fetches.insert(key, fetched);
        Role::Leader(Leader {
            transfers: self,
            key,
            tell,
        })
    }
}

/// A timeout, and one more for each 64 KiB of the record and of those that are under
/// way before it.
fn allowed_in(room: &Semaphore, asker: &Asker, size: usize) -> Duration {
    let before = (ROOM - room.available_permits()) * 1024;
    allowed(asker.connection.timeout(), before.saturating_add(size))
}

fn allowed(timeout: Duration, bytes: usize) -> Duration {
    let more = u32::try_from(bytes.div_ceil(BYTES_A_TIMEOUT)).unwrap_or(u32::MAX);
    timeout.saturating_mul(more.saturating_add(1))
}

/// What the leader tells; `None` if it has gone without a record.
async fn told(fetched: &mut watch::Receiver<Option<Bytes>>) -> Option<Bytes> {
    let record = fetched.wait_for(Option::is_some).await.ok()?;
    record.clone()
}

impl Wanted {
    fn key(&self) -> Key {
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
            (LARGE + 1, 2),
            (BYTES_A_TIMEOUT, 2),
            (BYTES_A_TIMEOUT + 1, 3),
            (1 << 20, 17),
        ] {
            assert_eq!(allowed(timeout, bytes), timeout * timeouts, "{bytes}");
        }
        let _ = allowed(Duration::from_secs(3_600), usize::MAX);
    }
}
