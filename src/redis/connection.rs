//! The handle that everything goes through.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Cmd, Value};

use super::{
    builder::Builder,
    call::Call,
    error::Error,
    lane::{Lane, Lanes},
    link::Link,
    script::Script,
    server::Server,
    stats::{LaneStats, Stats},
    subscription::Subscription,
};
use crate::histogram::Durations;

/// A connection to Redis, shared by its clones.
///
/// What is decided there, limits, idempotency records, the counts of a fleet and
/// the registry of deadlines, has a [`Lane`] each. All calls of a lane from
/// one tokio runtime go through one TCP connection per server, which is made when the
/// lane is first used there, and anew when it breaks. Each runtime has its own, so
/// that none waits for another one that is blocked, or that nothing drives. No call is made twice: after a timeout or a broken
/// connection nobody knows whether it was carried out, so the caller gets the
/// error. What is sent again is what certainly did not run: a script that the
/// server does not know, and a call that a cluster's node points elsewhere.
///
/// A server that fails some calls of a lane in a row is not asked any more for that
/// lane (see [`Builder::breaker`]), and its calls fail at once, until a probe in the
/// background passes.
#[derive(Clone)]
pub struct Connection {
    lanes: Arc<Lanes>,
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

    /// A connection to these servers that is still to be configured. An
    /// address alone means a single server.
    pub fn builder(server: impl Into<Server>) -> Builder {
        Builder::new(server.into())
    }

    pub(super) fn new(lanes: Lanes) -> Self {
        Self {
            lanes: Arc::new(lanes),
            lane: Lane::Limits,
        }
    }

    /// The same connection, whose calls are for this lane.
    pub(crate) fn on(&self, lane: Lane) -> Self {
        Self {
            lanes: Arc::clone(&self.lanes),
            lane,
        }
    }

    /// What happened so far, on all lanes together.
    pub fn stats(&self) -> Stats {
        self.lanes.stats()
    }

    /// What happened so far on each lane that was used.
    pub fn lanes(&self) -> Vec<LaneStats> {
        self.lanes.each()
    }

    /// How long calls took so far on all lanes, whether or not they succeeded; but
    /// not those that an open breaker answered, which take no time.
    pub fn latency(&self) -> Durations {
        self.lanes.latency()
    }

    /// Runs a script once, or not at all. After an error of the kinds
    /// [`TimedOut`](super::ErrorKind::TimedOut) and
    /// [`Unreachable`](super::ErrorKind::Unreachable) it may have run.
    #[doc(hidden)]
    pub async fn run(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        self.run_within(script, call, self.timeout()).await
    }

    /// The same with a timeout of its own.
    pub(crate) async fn run_within(
        &self,
        script: &Script,
        call: Cmd,
        timeout: Duration,
    ) -> Result<Value, Error> {
        let link = self.link();
        let number = link.settings.numbers.next();
        let call = Call::of_script(script, call, number);
        link.make(call, timeout).await
    }

    /// The same for a script that is run once, which brings its source along.
    #[cfg(feature = "idempotency")]
    pub(crate) async fn run_once(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        let call = self.with_source(script, call);
        self.link().make(call, self.timeout()).await
    }

    /// The same for what no caller asked for: it is not counted.
    pub(crate) async fn run_aside(&self, script: &Script, call: Cmd) -> Result<Value, Error> {
        let call = self.with_source(script, call);
        self.link().make_aside(call, self.timeout()).await
    }

    fn with_source<'a>(&self, script: &'a Script, call: Cmd) -> Call<'a> {
        let numbers = &self.link().settings.numbers;
        let call = Call::of_script(script, call, numbers.next());
        call.with_source(numbers.next()).unwrap_or(call)
    }

    /// The answer to a command that changes nothing.
    pub(crate) async fn read_within(
        &self,
        command: Cmd,
        timeout: Duration,
    ) -> Result<Value, Error> {
        self.link().make(Call::of_command(command), timeout).await
    }

    /// The error of a call that is not worth building, because the breaker is
    /// open; counted as a call that failed.
    pub(crate) fn refusal(&self) -> Option<Error> {
        self.link().refusal()
    }

    /// The error, which says when it is worth asking again.
    pub(crate) fn with_retry(&self, error: Error) -> Error {
        self.link().with_retry(error)
    }

    /// Whether calls are refused at once. One load, for a server that answers.
    pub(crate) fn is_shut(&self) -> bool {
        self.link().is_shut()
    }

    /// Whether the breaker of any lane is open.
    pub(crate) fn is_any_open(&self) -> bool {
        self.lanes.is_open()
    }

    /// Whether both are handles of one lane of one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lanes, &other.lanes) && self.lane == other.lane
    }

    /// A number that no other connection has while this one is there.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.lanes) as usize
    }

    /// Hears what is published on a channel.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        self.link().subscribe(channel).await
    }

    /// How often something that failed is tried again in the background.
    pub(crate) fn probe_every(&self) -> Duration {
        self.lanes.settings().probe_every
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.lanes.settings().prefix
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.lanes.settings().timeout
    }

    /// How long something may take that nobody waits for.
    pub(crate) fn patience(&self) -> Duration {
        self.lanes.settings().patience()
    }

    pub(crate) fn is_cluster(&self) -> bool {
        self.lanes.is_cluster()
    }

    fn link(&self) -> &Link {
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
