//! The public handle to Redis. Limiters, stores, shippers and registries make
//! their calls through it.
//!
//! A handle is a lane and a reference to the lanes of its connection. A limiter
//! or store takes the handle of its lane once, with `on`, and keeps it.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Cmd, Value};

use super::{
    builder::Builder,
    error::Error,
    lane::Lane,
    route::{LaneClient, Lanes},
    script::Script,
    server::Server,
    stats::{LaneStats, Stats},
    subscription::Subscription,
    wire::Call,
};
use crate::histogram::Durations;

/// A connection to Redis, shared by its clones.
///
/// Limits, idempotency records, the counts of a fleet and the registry of
/// deadlines have a [`Lane`] each. All calls of a lane from one tokio runtime
/// share one TCP connection per server, which is made when the lane is first
/// used there, and made again when it breaks. Each runtime has its own, so that
/// none waits for another one that is blocked or not driven.
///
/// No call is made twice. After a timeout or a broken connection, it is not
/// known whether the call was carried out, so the caller gets the error. Two
/// sorts of calls are sent again, because they certainly did not run: a script
/// that the server does not know, and a call that a node of a cluster
/// redirects.
///
/// A server that fails several calls of a lane in a row gets no more calls of
/// that lane (see [`Builder::breaker`]). They fail at once, until a probe in
/// the background passes.
#[derive(Clone)]
pub struct Connection {
    /// Shared by all clones, on whatever lane they are.
    lanes: Arc<Lanes>,
    /// The lane of this handle's calls.
    lane: Lane,
}

impl Connection {
    /// Connects to one server, and makes sure that it can be used.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), sluicegate::redis::Error> {
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::connect("redis://user:password@localhost:6379/3").await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Builder::connect`].
    pub async fn connect(url: impl Into<String>) -> Result<Self, Error> {
        Self::builder(Server::single(url)).connect().await
    }

    /// Returns a builder for a connection to these servers. An address alone
    /// means a single server.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost:6379").lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn builder(server: impl Into<Server>) -> Builder {
        Builder::new(server.into())
    }

    /// The handle of the first lane, `Limits`.
    pub(super) fn new(lanes: Lanes) -> Self {
        Self {
            lanes: Arc::new(lanes),
            lane: Lane::Limits,
        }
    }

    /// Returns the same connection for calls on this lane.
    ///
    /// The lane is opened by its first call, not here.
    pub(crate) fn on(&self, lane: Lane) -> Self {
        Self {
            lanes: Arc::clone(&self.lanes),
            lane,
        }
    }

    /// Returns the counts of all lanes together.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost").lazy().unwrap();
    /// assert_eq!(redis.stats().calls, 0);
    /// ```
    pub fn stats(&self) -> Stats {
        self.lanes.stats()
    }

    /// Returns the statistics of each lane that was used.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost").lazy()?;
    /// for lane in redis.lanes() {
    ///     println!("{}: {} of {} calls failed", lane.lane, lane.stats.failures, lane.stats.calls);
    /// }
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn lanes(&self) -> Vec<LaneStats> {
        self.lanes.each()
    }

    /// Returns how long the calls of all lanes took, whether or not they
    /// succeeded. Calls that an open breaker rejected are left out, because
    /// they take no time.
    ///
    /// The bounds reach from 50 µs to a second.
    pub fn latency(&self) -> Durations {
        self.lanes.latency()
    }

    /// Runs a script once, or not at all. After an error its
    /// [kind](super::ErrorKind) tells whether the script may have run.
    #[doc(hidden)]
    pub async fn run(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        self.run_within(script, call, self.timeout()).await
    }

    /// Runs a script within another timeout.
    ///
    /// If the server does not know the script, it is sent again with its
    /// source.
    pub(crate) async fn run_within(
        &self,
        script: &Script,
        call: Cmd,
        timeout: Duration,
    ) -> Result<Value, Error> {
        let client = self.client();
        let number = client.settings.numbers.next();
        let call = Call::of_script(script, call, number);
        client.call(call, timeout).await
    }

    /// Runs a script that is rarely used, and sends its source along.
    #[cfg(feature = "idempotency")]
    pub(crate) async fn run_with_source(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        let call = self.with_source(script, call);
        self.client().call(call, self.timeout()).await
    }

    /// Runs such a script without counting it, because no caller asked for it.
    pub(crate) async fn run_uncounted(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        let call = self.with_source(script, call);
        self.client().call_uncounted(call, self.timeout()).await
    }

    /// Returns a call that the server runs even if it does not know the script.
    /// The source costs bytes on each call, but saves a round trip on the
    /// first.
    fn with_source<'a>(&self, script: &'a Script, call: Cmd) -> Call<'a> {
        let numbers = &self.client().settings.numbers;
        let call = Call::of_script(script, call, numbers.next());
        call.with_source(numbers.next()).unwrap_or(call)
    }

    /// Runs a command that changes nothing.
    pub(crate) async fn read_within(
        &self,
        command: Cmd,
        timeout: Duration,
    ) -> Result<Value, Error> {
        let call = Call::of_command(command);
        self.client().call(call, timeout).await
    }

    /// Returns the error of a call that need not be built, because the breaker
    /// is open. The call counts as failed.
    pub(crate) fn rejection(&self) -> Option<Error> {
        self.client().rejection()
    }

    /// Adds the time after which a retry makes sense.
    pub(crate) fn with_retry(&self, error: Error) -> Error {
        self.client().with_retry(error)
    }

    /// Whether calls are rejected at once. It is one atomic load while the
    /// server works.
    pub(crate) fn rejects_calls(&self) -> bool {
        self.client().rejects_calls()
    }

    /// Whether the breaker of any lane is open.
    pub(crate) fn is_any_open(&self) -> bool {
        self.lanes.is_any_open()
    }

    /// Whether both are handles of one lane of one connection.
    ///
    /// Calls of such handles may be sent as one batch.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lanes, &other.lanes) && self.lane == other.lane
    }

    /// Returns a number that no other connection has while this one exists.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.lanes) as usize
    }

    /// Subscribes to a channel, on a new TCP connection.
    ///
    /// It is not shared with other subscribers of the same channel.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        self.client().subscribe(channel).await
    }

    /// Returns the time between two attempts in the background.
    pub(crate) fn probe_every(&self) -> Duration {
        self.lanes.settings().config.probe_every
    }

    /// Returns the first part of all keys.
    pub(crate) fn prefix(&self) -> &str {
        &self.lanes.settings().config.prefix
    }

    /// Returns the timeout of a call.
    pub(crate) fn timeout(&self) -> Duration {
        self.lanes.settings().config.timeout
    }

    /// Returns the timeout of calls that no request waits for: that of other
    /// calls, and at least a second.
    pub(crate) fn background_timeout(&self) -> Duration {
        self.lanes.settings().connect_timeout()
    }

    /// Whether the keys of a call have to be in one slot.
    pub(crate) fn is_cluster(&self) -> bool {
        self.lanes.is_cluster()
    }

    /// Returns the client of this handle's lane.
    fn client(&self) -> &LaneClient {
        self.lanes.get(self.lane)
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("lane", &self.lane)
            .field("settings", self.lanes.settings())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
