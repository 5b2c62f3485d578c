//! One TCP connection, which lasts as long as its replies belong to their
//! calls. A node sends all calls of one runtime through it.
//!
//! A call that times out is not taken off the connection, because its reply may
//! still come in its turn. The reply is then read and dropped. Two echoes in
//! the background show whether it was only late, or lost.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::{Either, join, select};
use redis::{Value, aio::MultiplexedConnection};
use tokio::{runtime::Handle, sync::watch, time::Instant};

use super::call::{Call, CallReply, Echo};
use crate::redis::{error::Error, settings::LaneSettings, stats::LaneEvent};

/// A connection that is closed as soon as a reply belongs to another call,
/// because all callers that still wait would get wrong replies, too.
///
/// It outlives a call that times out: its reply is dropped when it comes. It
/// does not outlive a lost connection; the node then makes a new one.
pub(crate) struct Wire {
    /// Counts the connections of the node; it identifies this one.
    pub(crate) serial: u64,
    /// The name of the server in errors.
    server: String,
    /// Sends commands of several callers, one behind the other.
    connection: MultiplexedConnection,
    /// Watched by the calls under way, which fail when it closes.
    state: watch::Sender<State>,
    /// Whether a background task verifies the order of replies.
    verifying: AtomicBool,
    /// Calls that timed out since the last one that got a reply.
    timeouts: AtomicU32,
    /// When it was made.
    made: Instant,
    /// When it was used last, in milliseconds since it was made.
    used: AtomicU64,
    /// Those of the lane.
    settings: Arc<LaneSettings>,
}

/// A connection is idle after this time without a call. Servers close idle
/// connections after some seconds, at the soonest.
const IDLE_AFTER: Duration = Duration::from_secs(1);

/// The end of a connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The node dropped it: calls under way still get their replies.
    Retired,
    /// A reply belonged to another call: all calls under way fail.
    Closed,
}

impl Wire {
    /// A connection that was just made.
    pub(crate) fn new(
        serial: u64,
        server: &str,
        connection: MultiplexedConnection,
        settings: &Arc<LaneSettings>,
    ) -> Self {
        Self {
            serial,
            server: server.to_owned(),
            connection,
            state: watch::Sender::new(State::Open),
            verifying: AtomicBool::new(false),
            timeouts: AtomicU32::new(0),
            made: Instant::now(),
            used: AtomicU64::new(0),
            settings: Arc::clone(settings),
        }
    }

    /// Sends a call once, and returns its reply.
    ///
    /// An error of the kind `Unreachable` means that the call may have run.
    pub(crate) async fn send(&self, call: &Call<'_>, asking: bool) -> Result<Value, Error> {
        self.used.store(self.age_ms(), Relaxed);
        match self.exchange(call, asking).await? {
            CallReply::Value(value) => Ok(value),
            CallReply::ScriptError(error) => Err(Error::failed(&self.server, error)),
            CallReply::Rejected { error, verified } => {
                if !verified {
                    self.verify_order().await?;
                }
                Err(Error::refused(&self.server, error))
            }
            CallReply::Mismatched => Err(self.close_mismatched()),
        }
    }

    /// Makes sure that replies come in the order of their calls. An error of
    /// the server leaves that open, because any call would get it.
    pub(crate) async fn verify_order(&self) -> Result<(), Error> {
        let echo = Echo(self.settings.numbers.next());
        let command = echo.command();
        let sent = async {
            let mut connection = self.connection.clone();
            let reply = connection.send_packed_command(&command).await;
            reply.map(|reply| echo.read(reply))
        };
        match self.unless_closed(sent).await? {
            CallReply::Value(_) => Ok(()),
            CallReply::ScriptError(error) | CallReply::Rejected { error, .. } => {
                Err(Error::refused(&self.server, error))
            }
            CallReply::Mismatched => Err(self.close_mismatched()),
        }
    }

    /// Sends the commands of a call, and reads their replies.
    async fn exchange(&self, call: &Call<'_>, asking: bool) -> Result<CallReply, Error> {
        let echo = self.settings.numbers.next();
        let pipeline = call.pipeline(asking, echo);
        let sent = async {
            // This client sends a command once and never again. redis-rs's
            // cluster client does send commands again, so it is not used here.
            let mut connection = self.connection.clone();
            let Some(pipeline) = pipeline else {
                let reply = connection.send_packed_command(call.command()).await?;
                return Ok(call.read(reply));
            };
            let replies = connection.send_packed_commands(&pipeline, 0, pipeline.len());
            Ok(call.read_all(asking, echo, replies.await?))
        };
        self.unless_closed(sent).await
    }

    /// Ends early if another call finds that the replies are mixed up.
    async fn unless_closed(
        &self,
        sent: impl Future<Output = redis::RedisResult<CallReply>>,
    ) -> Result<CallReply, Error> {
        let mut state = self.state.subscribe();
        let closed = state.wait_for(|state| *state == State::Closed);
        match select(pin!(sent), pin!(closed)).await {
            Either::Left((reply, _)) => {
                reply.map_err(|error| Error::from_client(&self.server, &error))
            }
            Either::Right(_) => Err(Error::closed_by_other(&self.server)),
        }
    }

    /// Verifies the order of replies in the background after a caller gave up,
    /// because the reply that did not come may have been lost. Two echoes are
    /// needed: the first echo's reply would be taken for the lost one, and the
    /// second's for the first's. Calls `on_close` if the connection had to be
    /// closed.
    pub(crate) fn verify_in_background(self: &Arc<Self>, on_close: impl FnOnce() + Send + 'static) {
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        if self.verifying.swap(true, Relaxed) {
            return;
        }
        let wire = Arc::clone(self);
        runtime.spawn(async move {
            let mut state = wire.state.subscribe();
            let echoes = join(wire.verify_order(), wire.verify_order());
            let ended = state.wait_for(|state| *state != State::Open);
            let _ = select(pin!(echoes), pin!(ended)).await;
            wire.verifying.store(false, Relaxed);
            if *wire.state.borrow() == State::Closed {
                on_close();
            }
        });
    }

    /// Whether it was not used for [`IDLE_AFTER`].
    pub(crate) fn is_idle(&self) -> bool {
        let unused = self.age_ms().saturating_sub(self.used.load(Relaxed));
        unused >= IDLE_AFTER.as_millis() as u64
    }

    /// Returns the milliseconds since it was made.
    fn age_ms(&self) -> u64 {
        self.made.elapsed().as_millis() as u64
    }

    /// Counts a call that got a reply.
    pub(crate) fn replied(&self) {
        // Nearly always zero already, and a load is cheaper to share than a
        // store.
        if self.timeouts.load(Relaxed) != 0 {
            self.timeouts.store(0, Relaxed);
        }
    }

    /// Counts a call that timed out; returns how many did in a row.
    pub(crate) fn timed_out(&self) -> u32 {
        self.timeouts.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Marks it as dropped by its node. Calls under way may still get their
    /// replies.
    pub(super) fn retire(&self) {
        self.state.send_if_modified(|state| {
            let was_open = *state == State::Open;
            if was_open {
                *state = State::Retired;
            }
            was_open
        });
    }

    /// Closes the connection after a reply that belongs to another call. Only
    /// the first caller counts it and logs it.
    fn close_mismatched(&self) -> Error {
        if self.state.send_replace(State::Closed) == State::Closed {
            return Error::closed_by_other(&self.server);
        }
        self.settings.counters.count(LaneEvent::MixedUp);
        tracing::warn!(
            target: "sluicegate::redis",
            server = self.server,
            "a reply of redis belongs to another call: its connection is closed",
        );
        Error::mixed_up(&self.server)
    }
}
