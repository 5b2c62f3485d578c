//! The handle that everything goes through.

use std::{fmt, sync::Arc, time::Duration};

use redis::{Cmd, Value};
use tokio::{runtime::Handle, time::Instant};

use super::{
    breaker::{self, Guarded},
    builder::Builder,
    call::Call,
    cluster::Cluster,
    error::{Error, ErrorKind},
    node::Node,
    redirection::Redirection,
    script::Script,
    server::Server,
    settings::Settings,
    stats::Stats,
    subscription::Subscription,
};
use crate::red::Durations;

/// How many redirections a call follows. One is usual, two while a slot moves.
const REDIRECTIONS: usize = 5;

/// A connection to Redis, shared by its clones.
///
/// All calls go through one TCP connection per server; it is made anew when it
/// breaks. No call is made twice: after a timeout or a broken connection
/// nobody knows whether it was carried out, so the caller gets the error. What
/// is sent again is what certainly did not run: a script that the server does
/// not know, and a call that a cluster's node points elsewhere.
///
/// A server that fails some calls in a row is not asked any more (see
/// [`Builder::breaker`]), and calls fail at once, until a probe in the
/// background passes.
#[derive(Clone)]
pub struct Connection(Arc<Inner>);

struct Inner {
    servers: Servers,
    settings: Arc<Settings>,
}

#[derive(Clone)]
pub(super) enum Servers {
    One(Arc<Node>),
    Cluster(Arc<Cluster>),
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

    pub(super) fn new(servers: Servers, settings: Arc<Settings>) -> Self {
        Self(Arc::new(Inner { servers, settings }))
    }

    /// What happened so far.
    pub fn stats(&self) -> Stats {
        self.0.settings.counters.stats()
    }

    /// How long calls took so far, whether or not they succeeded; but not those that
    /// an open breaker answered, which take no time.
    pub fn latency(&self) -> Durations {
        self.0.settings.latency.read()
    }

    /// Runs a script once, or not at all. After an error of the kinds
    /// [`TimedOut`](ErrorKind::TimedOut) and
    /// [`Unreachable`](ErrorKind::Unreachable) it may have run.
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
        let number = self.0.settings.numbers.next();
        self.make(Call::of_script(script, call, number), timeout)
            .await
    }

    /// The answer to a command that changes nothing.
    pub(crate) async fn read_within(
        &self,
        command: Cmd,
        timeout: Duration,
    ) -> Result<Value, Error> {
        self.make(Call::of_command(command), timeout).await
    }

    /// Makes a call, and counts it.
    async fn make(&self, call: Call<'_>, timeout: Duration) -> Result<Value, Error> {
        let settings = &self.0.settings;
        settings.counters.calls.add();
        let asked = Instant::now();
        let result = self.deliver(call, asked + timeout).await;
        let error = result.as_ref().err().map(Error::kind);
        if let Some(kind) = error {
            settings.counters.failed(kind);
        }
        if error != Some(ErrorKind::Shut) {
            settings.latency.record(asked.elapsed());
        }
        result
    }

    async fn deliver(&self, mut call: Call<'_>, deadline: Instant) -> Result<Value, Error> {
        // The bounds are timers, and connecting is a task.
        Handle::try_current().map_err(|_| Error::no_runtime())?;
        let settings = &self.0.settings;
        let mut node = self.node_for(call.command(), deadline).await?;
        let (mut asking, mut redirections) = (false, 0);
        loop {
            let error = match node.call(&call, asking, deadline).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            // Nothing ran: the server does not know the script.
            if error.is_unknown_script()
                && let Some(whole) = call.with_source(settings.numbers.next())
            {
                settings.counters.unknown_scripts.add();
                call = whole;
                continue;
            }
            // Nothing ran: the keys are elsewhere.
            let Some(redirection) = Redirection::of(&error) else {
                return Err(error);
            };
            redirections += 1;
            if redirections > REDIRECTIONS {
                return Err(error);
            }
            node = self.follow(&redirection, &node)?;
            asking = redirection.asking;
        }
    }

    fn follow(&self, redirection: &Redirection, from: &Arc<Node>) -> Result<Arc<Node>, Error> {
        match &self.0.servers {
            Servers::One(_) => {
                let value = format_args!("{}, a node of a cluster,", from.name());
                Err(Error::config("single server", value, "Server::cluster"))
            }
            Servers::Cluster(cluster) => {
                self.0.settings.counters.redirections.add();
                Ok(cluster.follow(redirection, from))
            }
        }
    }

    /// The error of a call that is not worth building, because the breaker is
    /// open; counted as a call that failed.
    pub(crate) fn refusal(&self) -> Option<Error> {
        let counters = &self.0.settings.counters;
        self.is_shut().then(|| {
            counters.calls.add();
            counters.failed(ErrorKind::Shut);
            Error::shut()
        })
    }

    /// Whether the breaker is open. One load, for a server that answers.
    pub(crate) fn is_shut(&self) -> bool {
        match &self.0.servers {
            Servers::One(node) => breaker::is_shut(node),
            Servers::Cluster(cluster) => cluster.is_shut(),
        }
    }

    /// Whether both are handles of one connection.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// A number that no other connection has while this one is there.
    pub(crate) fn id(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }

    /// Hears what is published on a channel. In a cluster, all nodes hear it, so
    /// any that answers will do.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        match &self.0.servers {
            Servers::One(node) => node.subscribe(channel).await,
            Servers::Cluster(cluster) => cluster.subscribe(channel).await,
        }
    }

    /// How often something that failed is tried again in the background.
    pub(crate) fn probe_every(&self) -> Duration {
        self.0.settings.probe_every
    }

    pub(crate) fn prefix(&self) -> &str {
        &self.0.settings.prefix
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.0.settings.timeout
    }

    /// How long something may take that nobody waits for.
    pub(crate) fn patience(&self) -> Duration {
        self.0.settings.patience()
    }

    pub(crate) fn is_cluster(&self) -> bool {
        matches!(self.0.servers, Servers::Cluster(_))
    }

    async fn node_for(&self, call: &Cmd, deadline: Instant) -> Result<Arc<Node>, Error> {
        match &self.0.servers {
            Servers::One(node) => Ok(Arc::clone(node)),
            Servers::Cluster(cluster) => cluster.node_for(call, deadline).await,
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}
