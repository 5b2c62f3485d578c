//! One server: its connection and its breaker.

mod probe;

use std::sync::{
    Arc, Weak,
    atomic::{AtomicU64, Ordering},
};

use redis::{ConnectionInfo, PushKind, Value, aio::MultiplexedConnection};

use super::{
    attempt::Attempt,
    bound::Bound,
    breaker::{self, Breaker},
    call::Call,
    cluster::Cluster,
    dial::{Ear, dial},
    error::Error,
    sentinel::Sentinels,
    settings::Settings,
    subscription::{Mailbox, Subscription},
    wire::Wire,
};
use crate::sync::{Mutex, lock};

pub(super) struct Node {
    name: String,
    place: Place,
    /// Where it belongs to, if it does.
    cluster: Weak<Cluster>,
    live: Mutex<Option<Live>>,
    serial: AtomicU64,
    connecting: Attempt,
    breaker: Breaker,
    settings: Arc<Settings>,
}

/// Where the server is.
pub(super) enum Place {
    Fixed(Box<ConnectionInfo>),
    Elected(Box<Sentinels>),
}

/// The wire of a node, which retires when the node gives it up.
struct Live(Arc<Wire>);

impl Drop for Live {
    fn drop(&mut self) {
        self.0.retire();
    }
}

impl Node {
    pub(super) fn new(place: Place, cluster: Weak<Cluster>, settings: Arc<Settings>) -> Self {
        let name = match &place {
            Place::Fixed(info) => info.addr().to_string(),
            Place::Elected(sentinels) => sentinels.name.clone(),
        };
        Self {
            name,
            place,
            cluster,
            live: Mutex::new(None),
            serial: AtomicU64::new(0),
            connecting: Attempt::new("connecting"),
            breaker: Breaker::default(),
            settings,
        }
    }

    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn is_connected(&self) -> bool {
        lock(&self.live).is_some()
    }

    /// Sends it once, and counts the outcome for or against the server.
    pub(super) async fn call(
        self: &Arc<Self>,
        call: &Call<'_>,
        asking: bool,
        bound: Bound,
    ) -> Result<Value, Error> {
        if breaker::is_shut(self) {
            return Err(Error::shut());
        }
        let result = self.send(call, asking, bound).await;
        breaker::judge(self, result.as_ref().err());
        if result.as_ref().is_err_and(Error::is_outage) {
            self.look_around();
        }
        result
    }

    /// Sends it once, whatever the breaker says.
    pub(super) async fn send(
        self: &Arc<Self>,
        call: &Call<'_>,
        asking: bool,
        bound: Bound,
    ) -> Result<Value, Error> {
        let wire = bound.keep(self.wire()).await;
        let wire = wire.map_err(|_| bound.exceeded(&self.name))??;
        self.send_by(&wire, call, asking, bound).await
    }

    async fn send_by(
        self: &Arc<Self>,
        wire: &Arc<Wire>,
        call: &Call<'_>,
        asking: bool,
        bound: Bound,
    ) -> Result<Value, Error> {
        let Ok(answer) = bound.keep(wire.ask(call, asking)).await else {
            // A call that is late keeps its connection: what the server still
            // answers goes nowhere, and others are under way.
            self.doubt(wire);
            return Err(bound.exceeded(&self.name));
        };
        if answer.as_ref().is_err_and(Error::ends_connection) {
            self.hang_up(wire.serial);
        }
        answer
    }

    fn doubt(self: &Arc<Self>, wire: &Arc<Wire>) {
        let (node, serial) = (Arc::downgrade(self), wire.serial);
        wire.doubt(move || {
            if let Some(node) = node.upgrade() {
                node.hang_up(serial);
            }
        });
    }

    async fn wire(self: &Arc<Self>) -> Result<Arc<Wire>, Error> {
        if let Some(wire) = self.live() {
            return Ok(wire);
        }
        let node = Arc::clone(self);
        let connecting = self.connecting.join(async move { node.connect().await });
        connecting.await?;
        let broke = || Error::unreachable(&self.name, "the new connection broke at once");
        self.live().ok_or_else(broke)
    }

    fn live(&self) -> Option<Arc<Wire>> {
        lock(&self.live).as_ref().map(|live| Arc::clone(&live.0))
    }

    async fn connect(self: &Arc<Self>) -> Result<(), Error> {
        // Somebody else's attempt may have ended just before this one began.
        if self.is_connected() {
            return Ok(());
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let connection = self.dial(self.lost(serial)).await?;
        let wire = Wire::new(serial, &self.name, connection, &self.settings);
        *lock(&self.live) = Some(Live(Arc::new(wire)));
        Ok(())
    }

    async fn dial(&self, ear: Ear) -> Result<MultiplexedConnection, Error> {
        match &self.place {
            Place::Fixed(info) => dial(info, &self.settings, Some(ear)).await,
            Place::Elected(sentinels) => sentinels.dial(&self.settings, ear).await,
        }
    }

    /// A subscription on a connection of its own.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<Subscription, Error> {
        let (ear, heard) = Mailbox::ends(channel);
        let connection = self.dial(ear).await?;
        let patience = self.settings.patience();
        Subscription::begin(connection, heard, channel, &self.name, patience).await
    }

    /// Servers close idle connections; no call shall have to find that out.
    fn lost(self: &Arc<Self>, serial: u64) -> Ear {
        let node = Arc::downgrade(self);
        Arc::new(move |push| {
            if push.kind == PushKind::Disconnection
                && let Some(node) = node.upgrade()
            {
                node.hang_up(serial);
            }
        })
    }

    /// Gives this connection up, unless it has been replaced already.
    fn hang_up(&self, serial: u64) {
        let given_up = lock(&self.live).take_if(|live| live.0.serial == serial);
        // What it takes to close it is not done under the lock.
        drop(given_up);
    }

    /// In a cluster, its slots may be somebody else's by now.
    fn look_around(&self) {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.refresh_soon();
        }
    }
}
