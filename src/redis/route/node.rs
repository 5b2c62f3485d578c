//! One server of a lane: its connections and its breaker.
//!
//! A call on a node goes through three steps: the breaker admits it, the
//! connection of this runtime is made or taken, and the call is sent once. The
//! outcome is counted for or against the breaker, and against the connection.

use std::{
    pin::{Pin, pin},
    sync::{
        Arc, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use futures_util::FutureExt;
use redis::{ConnectionInfo, PushKind, Value, aio::MultiplexedConnection};
use tokio::{runtime::Handle, task::yield_now};

use crate::redis::{
    breaker::{self, Breaker},
    connect::{PushHandler, Sentinels, SingleFlight, connect_with_credentials},
    error::Error,
    settings::LaneSettings,
    subscription::{Mailbox, Subscription},
    wire::{Call, CallDeadline, RuntimeWires, Wire},
};

/// A server, as one lane uses it.
pub(crate) struct Node {
    /// The address, or the name that the sentinels know.
    pub(super) name: String,
    /// Where to connect.
    endpoint: Endpoint,
    /// The cluster that the node belongs to; `None` for a single server.
    cluster: Option<Weak<dyn Membership>>,
    /// The connections, one for each runtime that has made a call.
    wires: RuntimeWires,
    /// The serial of the next connection.
    next_serial: AtomicU64,
    /// The attempt to connect, if one is under way.
    connecting: SingleFlight,
    /// Opens when calls to this server fail.
    pub(super) breaker: Breaker,
    /// Those of the lane.
    pub(super) settings: Arc<LaneSettings>,
}

/// How to find the server.
pub(crate) enum Endpoint {
    /// At this address.
    Fixed(Box<ConnectionInfo>),
    /// At the address that the sentinels name.
    Primary(Box<Sentinels>),
}

/// The cluster, as far as its nodes know it.
///
/// A trait keeps nodes from depending on the cluster that owns them.
pub(crate) trait Membership: Send + Sync {
    /// Learns the topology in the background.
    fn refresh_soon(self: Arc<Self>);

    /// Returns a key in a slot of this node; `None` if the node has no slots.
    fn key_of(&self, node: &Node) -> Option<String>;
}

impl Node {
    /// A node without connections.
    pub(crate) fn new(
        endpoint: Endpoint,
        cluster: Option<Weak<dyn Membership>>,
        settings: Arc<LaneSettings>,
    ) -> Self {
        let name = match &endpoint {
            Endpoint::Fixed(info) => info.addr().to_string(),
            Endpoint::Primary(sentinels) => sentinels.name.clone(),
        };
        Self {
            name,
            endpoint,
            cluster,
            wires: RuntimeWires::default(),
            next_serial: AtomicU64::new(0),
            connecting: SingleFlight::new("connecting"),
            breaker: Breaker::default(),
            settings,
        }
    }

    /// Returns how to find the server.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Returns the cluster that the node belongs to.
    pub(super) fn cluster(&self) -> Option<Arc<dyn Membership>> {
        self.cluster.as_ref()?.upgrade()
    }

    /// Whether any runtime has a connection.
    pub(super) fn is_connected(&self) -> bool {
        self.wires.has_any()
    }

    /// Sends a call once, and counts its outcome for or against the server.
    ///
    /// After an outage of a node, its cluster learns the topology again,
    /// because a replica may have taken over.
    pub(super) async fn call(
        self: &Arc<Self>,
        call: &Call<'_>,
        asking: bool,
        deadline: CallDeadline,
    ) -> Result<Value, Error> {
        breaker::admit(self, deadline).await?;
        let result = self.send(call, asking, deadline).await;
        breaker::record(self, result.as_ref().err());
        if result.as_ref().is_err_and(Error::is_outage) {
            self.refresh_topology();
        }
        result
    }

    /// Sends a call once, whatever the breaker says.
    pub(super) async fn send(
        self: &Arc<Self>,
        call: &Call<'_>,
        asking: bool,
        deadline: CallDeadline,
    ) -> Result<Value, Error> {
        let wire = deadline.enforce(self.wire()).await;
        let wire = wire.map_err(|_| deadline.exceeded(&self.name))??;
        self.send_on(&wire, call, asking, deadline).await
    }

    /// Sends a call once on this connection.
    ///
    /// Replies that arrived while this runtime was blocked count as in time.
    pub(super) async fn send_on(
        self: &Arc<Self>,
        wire: &Arc<Wire>,
        call: &Call<'_>,
        asking: bool,
        deadline: CallDeadline,
    ) -> Result<Value, Error> {
        let mut sent = pin!(wire.send(call, asking));
        let reply = match deadline.enforce(&mut sent).await {
            Ok(reply) => Some(reply),
            Err(_) => arrived_meanwhile(sent).await,
        };
        let Some(reply) = reply else {
            // A late call keeps its connection, because others are under way
            // and a reply that still comes is dropped. But calls of other
            // runtimes may keep the breaker closed while this connection is
            // dead.
            self.verify_in_background(wire);
            if wire.timed_out() >= self.settings.config.failures {
                self.retire_wire(wire.serial);
            }
            return Err(deadline.exceeded(&self.name));
        };
        wire.replied();
        if reply.as_ref().is_err_and(Error::ends_connection) {
            self.retire_wire(wire.serial);
        }
        reply
    }

    /// Verifies the order of replies, and drops the connection if they are
    /// mixed up.
    fn verify_in_background(self: &Arc<Self>, wire: &Arc<Wire>) {
        let (node, serial) = (Arc::downgrade(self), wire.serial);
        wire.verify_in_background(move || {
            if let Some(node) = node.upgrade() {
                node.retire_wire(serial);
            }
        });
    }

    /// Returns the connection of this runtime, and connects if need be.
    ///
    /// Callers at the same time share one attempt to connect.
    pub(super) async fn wire(self: &Arc<Self>) -> Result<Arc<Wire>, Error> {
        if let Some(wire) = self.usable_wire().await {
            return Ok(wire);
        }
        let node = Arc::clone(self);
        let connecting = self.connecting.join(async move { node.connect().await });
        connecting.await?;
        let broke = || Error::unreachable(&self.name, "the new connection broke at once");
        self.wires.current().ok_or_else(broke)
    }

    /// Returns the connection of this runtime. The server may have closed an
    /// idle one while the runtime did not run, so an idle one gets time to find
    /// out before a call is sent on it.
    async fn usable_wire(&self) -> Option<Arc<Wire>> {
        let wire = self.wires.current()?;
        if !wire.is_idle() {
            return Some(wire);
        }
        for _ in 0..YIELDS {
            yield_now().await;
        }
        self.wires.current()
    }

    /// Makes the connection of this runtime.
    async fn connect(self: &Arc<Self>) -> Result<(), Error> {
        // Another attempt may have ended just before this one began.
        if self.wires.current().is_some() {
            return Ok(());
        }
        let serial = self.next_serial.fetch_add(1, Ordering::Relaxed);
        let connection = self.open_connection(self.on_disconnect(serial)).await?;
        let wire = Wire::new(serial, &self.name, connection, &self.settings);
        self.wires.insert(&Handle::current(), wire);
        Ok(())
    }

    /// Opens a TCP connection and logs in.
    async fn open_connection(&self, handler: PushHandler) -> Result<MultiplexedConnection, Error> {
        let settings = &self.settings;
        match &self.endpoint {
            Endpoint::Fixed(info) => connect_with_credentials(info, settings, handler).await,
            Endpoint::Primary(sentinels) => sentinels.connect_to_primary(settings, handler).await,
        }
    }

    /// Opens a subscription on its own connection.
    ///
    /// It does not share the connection of calls, because its pushes would wait
    /// behind their replies.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        let (handler, messages) = Mailbox::channel(channel);
        let connection = self.open_connection(handler).await?;
        let within = self.settings.connect_timeout();
        Subscription::begin(connection, messages, channel, &self.name, within).await
    }

    /// Returns a handler that drops the connection when the server closes it,
    /// as servers do with idle ones, so that no call has to fail for that.
    fn on_disconnect(self: &Arc<Self>, serial: u64) -> PushHandler {
        let node = Arc::downgrade(self);
        Arc::new(move |push| {
            if push.kind == PushKind::Disconnection
                && let Some(node) = node.upgrade()
            {
                node.retire_wire(serial);
            }
        })
    }

    /// Drops a connection. Calls under way on it still get their replies.
    pub(super) fn retire_wire(&self, serial: u64) {
        self.wires.retire(serial);
    }

    /// In a cluster, another node may have its slots by now.
    pub(super) fn refresh_topology(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.refresh_soon();
        }
    }
}

/// How often a task yields so that bytes that have arrived are read before it
/// goes on: once for the runtime to see them, once for the connection's task to
/// read them, and once more because the future of a `block_on` runs before all
/// tasks.
const YIELDS: usize = 3;

/// Returns the reply if it arrived while this runtime was blocked, which is not
/// the server's fault.
async fn arrived_meanwhile<T>(mut sent: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    for _ in 0..YIELDS {
        yield_now().await;
        if let Some(reply) = sent.as_mut().now_or_never() {
            return Some(reply);
        }
    }
    None
}
