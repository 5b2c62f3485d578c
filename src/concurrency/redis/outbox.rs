//! Collects the requests about several limits, so that they share calls.
//!
//! There is one call at a time. Requests that come meanwhile share the next one, so
//! calls grow by themselves, and a single one is not delayed. In a cluster,
//! keys are in different slots, so each has a call of its own.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use futures_util::future::join_all;
use tokio::sync::oneshot;

use super::{
    counts::LeaseCounters,
    fleet::KnownInstances,
    script::{LeaseCaller, LeaseResult, Want, read_reply, script},
};
use crate::{
    redis::{Connection, Error},
    runtime::background,
    sync::{Mutex, lock},
};

/// How many limits share a call at most.
const MAX_KEYS: usize = 64;

/// One limit of a call, and where its result goes.
struct Letter {
    key: Arc<[u8]>,
    want: Want,
    reply: oneshot::Sender<LeaseResult>,
}

/// The letters that wait, and whether a task sends them.
#[derive(Default)]
struct QueuedLetters {
    letters: Vec<Letter>,
    is_sending: bool,
}

/// Sends the calls of one instance.
pub(super) struct Outbox {
    pub(super) connection: Connection,
    pub(super) caller: LeaseCaller,
    pub(super) fleet: KnownInstances,
    /// Shared with the registry of metrics.
    pub(super) counters: Arc<LeaseCounters>,
    waiting: Mutex<QueuedLetters>,
    /// The number of the last letter. It never begins anew, because the server
    /// ignores a number that it has seen.
    last_number: AtomicU64,
}

impl Outbox {
    pub(super) fn new(connection: Connection, caller: LeaseCaller, fleet: KnownInstances) -> Self {
        Self {
            connection,
            caller,
            fleet,
            counters: Arc::default(),
            waiting: Mutex::default(),
            last_number: AtomicU64::new(0),
        }
    }

    /// Tells what an instance wants of a limit, and returns what it gets.
    pub(super) async fn send(self: &Arc<Self>, key: &Arc<[u8]>, want: Want) -> LeaseResult {
        let (reply, result) = oneshot::channel();
        let letter = Letter {
            key: key.clone(),
            want,
            reply,
        };
        self.post(letter);
        let lost = || Err(Error::reply("a lease of permits"));
        result.await.unwrap_or_else(|_| lost())
    }

    /// Queues a letter, and starts to send if no task does.
    fn post(self: &Arc<Self>, letter: Letter) {
        let mut waiting = lock(&self.waiting);
        waiting.letters.push(letter);
        if !std::mem::replace(&mut waiting.is_sending, true) {
            background().spawn(deliver(self.clone()));
        }
    }

    /// Takes what shares the next call, or ends the sending.
    fn next(&self) -> Option<Vec<Letter>> {
        let mut waiting = lock(&self.waiting);
        let count = waiting.letters.len().min(MAX_KEYS);
        waiting.is_sending = count > 0;
        (count > 0).then(|| waiting.letters.drain(..count).collect())
    }

    /// Makes one call, and passes its results on.
    async fn call(&self, letters: Vec<Letter>) {
        let first = self.last_number.fetch_add(letters.len() as u64, Relaxed) + 1;
        self.counters.count_call(letters.len());
        let numbered = letters.iter().zip(first..);
        let wants = numbered.map(|(letter, number)| (&*letter.key, number, letter.want));
        let wants: Vec<_> = wants.collect();
        let call = self
            .caller
            .call(&self.fleet.run_id(), wants.iter().copied(), None);
        let reply = self.connection.run(script(), call).await;
        let results = reply.and_then(|reply| read_reply(&reply, letters.len()));
        let results = results.unwrap_or_else(|error| vec![Err(error); letters.len()]);
        for (letter, result) in letters.into_iter().zip(results) {
            // The task of an unused limit has gone.
            let _ = letter.reply.send(result);
        }
    }
}

/// Sends letters until there are none.
async fn deliver(outbox: Arc<Outbox>) {
    while let Some(letters) = outbox.next() {
        if outbox.connection.is_cluster() {
            let calls = letters.into_iter().map(|letter| outbox.call(vec![letter]));
            join_all(calls).await;
        } else {
            outbox.call(letters).await;
        }
    }
}
