//! The way of one lane: its servers, its breakers, and what happened on it.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use redis::{Cmd, Value};
use tokio::{runtime::Handle, time::Instant};

use super::{
    bound::Bound,
    breaker::{self, Guarded},
    call::Call,
    cluster::Cluster,
    error::{Error, ErrorKind},
    node::Node,
    redirection::Redirection,
    settings::Settings,
    subscription::Subscription,
};

/// How many redirections a call follows. One is usual, two while a slot moves.
const REDIRECTIONS: usize = 5;

/// Servers that are asked for one lane, by way of connections that no other lane has.
#[derive(Clone)]
pub(super) struct Link {
    pub(super) servers: Servers,
    pub(super) settings: Arc<Settings>,
}

#[derive(Clone)]
pub(super) enum Servers {
    One(Arc<Node>),
    Cluster(Arc<Cluster>),
}

impl Link {
    /// Makes a call, and counts it.
    pub(super) async fn make(&self, call: Call<'_>, timeout: Duration) -> Result<Value, Error> {
        let settings = &self.settings;
        settings.counters.calls.add();
        let asked = Instant::now();
        // Without its type, which would nest so deep in a caller's future that
        // compilers give up.
        let delivered: BoxFuture<'_, _> = Box::pin(self.deliver(call, Bound::of(timeout)));
        let result = delivered.await;
        let result = result.map_err(|error| self.with_retry(error));
        let error = result.as_ref().err().map(Error::kind);
        if let Some(kind) = error {
            settings.counters.failed(kind);
        }
        if error != Some(ErrorKind::Shut) {
            settings.latency.record(asked.elapsed());
        }
        result
    }

    /// Makes a call, and does not count it.
    pub(super) async fn make_aside(
        &self,
        call: Call<'_>,
        timeout: Duration,
    ) -> Result<Value, Error> {
        self.deliver(call, Bound::of(timeout)).await
    }

    async fn deliver(&self, mut call: Call<'_>, bound: Bound) -> Result<Value, Error> {
        // The bounds are timers, and connecting is a task.
        Handle::try_current().map_err(|_| Error::no_runtime())?;
        let settings = &self.settings;
        let mut node = self.node_for(call.command(), bound).await?;
        let (mut asking, mut redirections) = (false, 0);
        loop {
            let error = match node.call(&call, asking, bound).await {
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
            node = self.follow(redirection, &node)?;
            asking = redirection.asking;
        }
    }

    fn follow(&self, redirection: &Redirection, from: &Arc<Node>) -> Result<Arc<Node>, Error> {
        match &self.servers {
            Servers::One(_) => {
                let value = format_args!("{}, a node of a cluster,", from.name());
                Err(Error::config("single server", value, "Server::cluster"))
            }
            Servers::Cluster(cluster) => {
                self.settings.counters.redirections.add();
                Ok(cluster.follow(redirection, from))
            }
        }
    }

    /// The error of a call that is not worth building, because the breaker is
    /// open; counted as a call that failed.
    pub(super) fn refusal(&self) -> Option<Error> {
        let counters = &self.settings.counters;
        self.is_shut().then(|| {
            counters.calls.add();
            counters.failed(ErrorKind::Shut);
            self.with_retry(Error::shut())
        })
    }

    /// The error, which says when it is worth asking again.
    pub(super) fn with_retry(&self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::Config | ErrorKind::Unreadable => error,
            _ if error.retry_after().is_some() => error,
            _ if self.is_open() => error.retry_in(self.settings.probe_every),
            _ => error.retry_in(self.settings.timeout),
        }
    }

    /// Whether calls are refused at once. One load, for a server that answers.
    pub(super) fn is_shut(&self) -> bool {
        match &self.servers {
            Servers::One(node) => breaker::is_shut(node),
            Servers::Cluster(cluster) => cluster.is_shut(),
        }
    }

    /// Whether the breaker is open, though the next call may be let through to probe.
    pub(super) fn is_open(&self) -> bool {
        match &self.servers {
            Servers::One(node) => breaker::is_open(node),
            Servers::Cluster(cluster) => cluster.is_open(),
        }
    }

    /// In a cluster, all nodes hear what is published, so any that answers will do.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        match &self.servers {
            Servers::One(node) => node.subscribe(channel).await,
            Servers::Cluster(cluster) => cluster.subscribe(channel).await,
        }
    }

    async fn node_for(&self, call: &Cmd, bound: Bound) -> Result<Arc<Node>, Error> {
        match &self.servers {
            Servers::One(node) => Ok(Arc::clone(node)),
            Servers::Cluster(cluster) => cluster.node_for(call, bound).await,
        }
    }
}
