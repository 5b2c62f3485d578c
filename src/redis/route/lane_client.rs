//! Makes the calls of one lane: finds the node, follows redirections, and
//! counts.
//!
//! It sends a call a second time only after `NOSCRIPT` or a redirection, when
//! the server said that it ran nothing.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use redis::{Cmd, Value};
use tokio::{runtime::Handle, time::Instant};

use super::{cluster::Cluster, node::Node};
use crate::redis::{
    breaker::{self, Guarded},
    error::{Error, ErrorKind, Redirection},
    settings::LaneSettings,
    stats::LaneEvent,
    subscription::Subscription,
    wire::{Call, CallDeadline},
};

/// How many redirections a call follows. One is usual, two while a slot moves.
const MAX_REDIRECTIONS: usize = 5;

/// The servers of one lane, with connections that no other lane uses.
#[derive(Clone)]
pub(crate) struct LaneClient {
    /// The nodes, with their connections and breakers.
    pub(crate) servers: Servers,
    /// The settings and counters of the lane.
    pub(crate) settings: Arc<LaneSettings>,
}

/// One node, also behind sentinels, or those of a cluster.
#[derive(Clone)]
pub(crate) enum Servers {
    Single(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl LaneClient {
    /// Makes a call, and counts it.
    pub(crate) async fn call(&self, call: Call<'_>, timeout: Duration) -> Result<Value, Error> {
        let settings = &self.settings;
        settings.counters.count(LaneEvent::Called);
        let began = Instant::now();
        // Boxed, because its type would nest so deep in a caller's future that
        // the compiler gives up.
        let delivery: BoxFuture<'_, _> = Box::pin(self.call_uncounted(call, timeout));
        let result = delivery.await;
        let result = result.map_err(|error| self.with_retry(error));
        let error = result.as_ref().err().map(Error::kind);
        if let Some(kind) = error {
            settings.counters.count_failure(kind);
        }
        if error != Some(ErrorKind::CircuitOpen) {
            settings.latency.record(began.elapsed());
        }
        result
    }

    /// Makes a call without counting it.
    ///
    /// The deadline spans all attempts: connecting, redirections, and the
    /// second sending of a script.
    pub(crate) async fn call_uncounted(
        &self,
        mut call: Call<'_>,
        timeout: Duration,
    ) -> Result<Value, Error> {
        let deadline = CallDeadline::after(timeout);
        // Checked first, because timers panic outside of a runtime.
        Handle::try_current().map_err(|_| Error::no_runtime())?;
        let mut node = self.node_for(call.command(), deadline).await?;
        let (mut asking, mut redirections) = (false, 0);
        loop {
            let error = match node.call(&call, asking, deadline).await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            if let Some(whole) = self.with_source_if_unknown(&call, &error) {
                call = whole;
                continue;
            }
            // A redirected call did not run, so it may be sent again.
            let Some(redirection) = error.redirection() else {
                return Err(error);
            };
            redirections += 1;
            if redirections > MAX_REDIRECTIONS {
                return Err(error);
            }
            node = self.follow(redirection, &node)?;
            asking = redirection.asking;
        }
    }

    /// Returns the call with its source if the server did not know the script.
    /// It ran nothing then, so the call may be sent again.
    fn with_source_if_unknown<'a>(&self, call: &Call<'a>, error: &Error) -> Option<Call<'a>> {
        if !error.is_unknown_script() {
            return None;
        }
        let whole = call.with_source(self.settings.numbers.next())?;
        self.settings.counters.count(LaneEvent::UnknownScript);
        Some(whole)
    }

    /// Returns the node that a redirection names. A single server that
    /// redirects is a wrong setting.
    fn follow(&self, redirection: &Redirection, from: &Arc<Node>) -> Result<Arc<Node>, Error> {
        match &self.servers {
            Servers::Single(_) => {
                let value = format_args!("{}, a node of a cluster,", from.name());
                Err(Error::config("single server", value, "Server::cluster"))
            }
            Servers::Cluster(cluster) => {
                self.settings.counters.count(LaneEvent::Redirected);
                Ok(cluster.follow(redirection, from))
            }
        }
    }

    /// Returns the error of a call that need not be built, because the breaker
    /// is open. The call counts as failed.
    ///
    /// It saves limiters the work of encoding a batch that would be rejected.
    pub(crate) fn rejection(&self) -> Option<Error> {
        let counters = &self.settings.counters;
        self.rejects_calls().then(|| {
            counters.count(LaneEvent::Called);
            counters.count_failure(ErrorKind::CircuitOpen);
            self.with_retry(Error::circuit_open())
        })
    }

    /// Adds the time after which a retry makes sense.
    ///
    /// An error that a retry cannot cure has none.
    pub(crate) fn with_retry(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Config | ErrorKind::Unreadable => error,
            _ if error.retry_after().is_some() => error,
            _ if self.is_open() => error.retry_in(self.settings.config.probe_every),
            _ => error.retry_in(self.settings.config.timeout),
        }
    }

    /// Whether calls are rejected at once. It is one atomic load while the
    /// server works.
    pub(crate) fn rejects_calls(&self) -> bool {
        match &self.servers {
            Servers::Single(node) => breaker::rejects(node),
            Servers::Cluster(cluster) => cluster.rejects_calls(),
        }
    }

    /// Whether the breaker is open, though the next call may be let through to
    /// probe.
    pub(crate) fn is_open(&self) -> bool {
        match &self.servers {
            Servers::Single(node) => breaker::is_open(node),
            Servers::Cluster(cluster) => cluster.is_open(),
        }
    }

    /// Subscribes to a channel. In a cluster any node will do, because all
    /// nodes get each message.
    pub(crate) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        match &self.servers {
            Servers::Single(node) => node.subscribe(channel).await,
            Servers::Cluster(cluster) => cluster.subscribe(channel).await,
        }
    }

    /// Returns the node that has the keys of a call.
    async fn node_for(&self, call: &Cmd, deadline: CallDeadline) -> Result<Arc<Node>, Error> {
        match &self.servers {
            Servers::Single(node) => Ok(Arc::clone(node)),
            Servers::Cluster(cluster) => cluster.node_for(call, deadline).await,
        }
    }
}
