//! Ships flushes, one after the other.

use std::time::Duration;

use ::redis::Cmd;
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout_at},
};

use super::{
    ledger::Ledger,
    stats::{Counters, Stats},
};
use crate::{
    clock::{Tick, ticks},
    red::{
        Registry, Snapshot,
        fleet::{client::FleetClient, in_flight, reply::ScriptReply},
    },
    redis::Error,
};

/// How long the last flush may take, with all attempts.
const LAST: Duration = Duration::from_secs(5);

/// The time between these attempts.
const AGAIN: Duration = Duration::from_millis(100);

/// Ships what was counted, one flush after the other.
///
/// A flush without an acknowledgement may have been counted nevertheless. So it
/// is sent again unchanged, with its number, by which the script recognizes it.
/// Only then the next flush is taken, with everything that was counted
/// meanwhile.
#[derive(Debug)]
pub(crate) struct Shipper {
    registry: Registry,
    client: FleetClient,
    /// The id of this instance.
    pub(crate) instance: String,
    /// How long the instance counts as alive after a flush.
    life: Tick,
    /// Held for the whole of a flush, so that there is one at a time.
    state: Mutex<FlushState>,
    counters: Counters,
}

/// A flush that is to be sent, perhaps again.
#[derive(Default)]
struct FlushState {
    /// The counts that all flushes together have taken.
    ledger: Ledger,
    /// The number of the last flush that was taken.
    sequence: u64,
    /// The last flush, until Redis has acknowledged it.
    unacknowledged: Option<Flush>,
}

struct Flush {
    /// The whole call, so that a repetition has exactly the same arguments.
    call: Cmd,
    /// Whether it was sent before.
    tried: bool,
    /// How many requests had ended when it was taken.
    ended: u64,
    /// When it was taken.
    taken: Instant,
}

impl Shipper {
    /// Returns a shipper that has not shipped anything.
    pub(crate) fn new(
        registry: &Registry,
        client: &FleetClient,
        instance: String,
        life: Duration,
    ) -> Self {
        Self {
            registry: registry.clone(),
            client: client.clone(),
            instance,
            life: ticks(life),
            state: Mutex::default(),
            counters: Counters::new(),
        }
    }

    /// Returns how the flushes went up to now.
    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(self.registry.snapshot().ended())
    }

    /// Sends what was not acknowledged, and then what was counted since. The
    /// future may be dropped: the next flush sends again what was under way.
    pub(crate) async fn flush(&self, now: Option<Tick>) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        // An unacknowledged flush goes first, because sequences have to arrive
        // in order.
        self.deliver(&mut state).await?;
        state.unacknowledged = Some(self.next(&mut state, now));
        self.deliver(&mut state).await
    }

    /// Takes the next flush.
    fn next(&self, state: &mut FlushState, now: Option<Tick>) -> Flush {
        let taken = Instant::now();
        let snapshot = self.registry.snapshot();
        state.sequence += 1;
        Flush {
            call: self.call(state, &snapshot, now),
            tried: false,
            ended: snapshot.ended(),
            taken,
        }
    }

    /// Returns the call of a flush.
    fn call(&self, state: &mut FlushState, snapshot: &Snapshot, now: Option<Tick>) -> Cmd {
        let mut call = self.client.call(now, "flush");
        call.arg(&self.instance).arg(state.sequence).arg(self.life);
        call.arg(snapshot.started()).arg(snapshot.overflowed);
        call.arg(in_flight::write(snapshot));
        for delta in state.ledger.take(snapshot) {
            call.arg(&*delta.subject.id)
                .arg(&*delta.subject.text)
                .arg(delta.counts);
        }
        call
    }

    /// Sends the flush that is not acknowledged, if there is one.
    async fn deliver(&self, state: &mut FlushState) -> Result<(), Error> {
        let Some(flush) = &mut state.unacknowledged else {
            return Ok(());
        };
        // Set before the call: if this future is dropped during it, the flush
        // may have been counted, and the next attempt is a repetition.
        if std::mem::replace(&mut flush.tried, true) {
            self.counters.retried();
        }
        let answer = self.client.run(flush.call.clone()).await;
        let is_duplicate = answer.and_then(ScriptReply::duplicate);
        let is_duplicate = is_duplicate.inspect_err(|_| self.counters.failed())?;
        let (ended, taken) = (flush.ended, flush.taken);
        self.counters.shipped(ended, taken, is_duplicate);
        state.unacknowledged = None;
        Ok(())
    }

    /// Makes the last flush, and tries again while there is time. Then the
    /// instance leaves the fleet.
    pub(crate) async fn finish(&self) -> Result<(), Error> {
        let mut end = Err(Error::late(LAST));
        let trying = async {
            loop {
                end = self.flush(None).await;
                if end.is_ok() {
                    // Without it, the instance is taken for alive a bit longer.
                    return drop(self.client.leave(&self.instance).await);
                }
                sleep(AGAIN).await;
            }
        };
        // On a timeout the result is that of the last attempt.
        let _ = timeout_at(Instant::now() + LAST, trying).await;
        end
    }
}

impl std::fmt::Debug for FlushState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlushState")
            .field("sequence", &self.sequence)
            .field("unacknowledged", &self.unacknowledged.is_some())
            .finish_non_exhaustive()
    }
}
