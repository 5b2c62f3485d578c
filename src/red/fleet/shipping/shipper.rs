//! Telling Redis what was counted, each thing once.

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
use crate::red::fleet::{client::FleetClient, in_flight, reply::ScriptReply};
use crate::{
    clock::{Tick, ticks},
    red::{Registry, Snapshot},
    redis::Error,
};

/// How long the last flush may take, with all attempts.
const LAST: Duration = Duration::from_secs(5);

/// How long it is between them.
const AGAIN: Duration = Duration::from_millis(100);

/// Tells Redis what was counted, one flush after the other.
///
/// A flush that was not acknowledged may have been counted, so it is brought again
/// as it was, under its number, by which the script knows it. Only then comes the
/// next one, with all that was counted meanwhile.
#[derive(Debug)]
pub(crate) struct Shipper {
    registry: Registry,
    client: FleetClient,
    pub(crate) instance: String,
    /// How long the instance is taken for alive after a flush.
    life: Tick,
    state: Mutex<FlushState>,
    counters: Counters,
}

#[derive(Default)]
struct FlushState {
    ledger: Ledger,
    sequence: u64,
    unacknowledged: Option<Flush>,
}

struct Flush {
    call: Cmd,
    tried: bool,
    /// How many requests had ended.
    ended: u64,
    taken: Instant,
}

impl Shipper {
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

    pub(crate) fn stats(&self) -> Stats {
        self.counters.stats(self.registry.snapshot().ended())
    }

    /// May be dropped: what was under way is brought again by the next one.
    pub(crate) async fn flush(&self, now: Option<Tick>) -> Result<(), Error> {
        let mut state = self.state.lock().await;
        self.deliver(&mut state).await?;
        state.unacknowledged = Some(self.next(&mut state, now));
        self.deliver(&mut state).await
    }

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

    fn call(&self, state: &mut FlushState, snapshot: &Snapshot, now: Option<Tick>) -> Cmd {
        let mut call = self.client.call(now, "flush");
        call.arg(&self.instance).arg(state.sequence).arg(self.life);
        call.arg(snapshot.started()).arg(snapshot.overflowed);
        call.arg(in_flight::write(snapshot));
        for entry in state.ledger.take(snapshot) {
            call.arg(&*entry.id).arg(&*entry.text).arg(entry.counts);
        }
        call
    }

    async fn deliver(&self, state: &mut FlushState) -> Result<(), Error> {
        let Some(flush) = &mut state.unacknowledged else {
            return Ok(());
        };
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

    /// The last flush, tried again and again while there is time; and then nothing
    /// is in flight here any more.
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
