//! One server: its connection and its breaker.

mod probe;

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

use super::{
    attempt::Attempt,
    bound::Bound,
    breaker::{self, Breaker},
    call::Call,
    cluster::Cluster,
    dial::{Ear, log_in},
    error::Error,
    sentinel::Sentinels,
    settings::Settings,
    subscription::{Mailbox, Subscription},
    wire::Wire,
    wires::Wires,
};

pub(super) struct Node {
    name: String,
    place: Place,
    /// Where it belongs to, if it does.
    cluster: Weak<Cluster>,
    wires: Wires,
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
            wires: Wires::default(),
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
        self.wires.has_any()
    }

    /// Sends it once, and counts the outcome for or against the server.
    pub(super) async fn call(
        self: &Arc<Self>,
        call: &Call<'_>,
        asking: bool,
        bound: Bound,
    ) -> Result<Value, Error> {
        breaker::admit(self, bound).await?;
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
        let mut asked = pin!(wire.ask(call, asking));
        let answer = match bound.keep(&mut asked).await {
            Ok(answer) => Some(answer),
            Err(_) => already_here(asked).await,
        };
        let Some(answer) = answer else {
            // A call that is late keeps its connection: what the server still
            // answers goes nowhere, and others are under way. But calls of other
            // runtimes may keep the breaker closed while this connection is dead.
            self.doubt(wire);
            if wire.missed() >= self.settings.failures {
                self.hang_up(wire.serial);
            }
            return Err(bound.exceeded(&self.name));
        };
        wire.answered();
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
        if let Some(wire) = self.rested().await {
            return Ok(wire);
        }
        let node = Arc::clone(self);
        let connecting = self.connecting.join(async move { node.connect().await });
        connecting.await?;
        let broke = || Error::unreachable(&self.name, "the new connection broke at once");
        self.wires.here().ok_or_else(broke)
    }

    /// The connection of this runtime. One that was not used for a while may have been
    /// closed by the server while nothing drove the runtime, and no call shall have to
    /// find that out.
    async fn rested(&self) -> Option<Arc<Wire>> {
        let wire = self.wires.here()?;
        if !wire.has_rested() {
            return Some(wire);
        }
        for _ in 0..TURNS {
            yield_now().await;
        }
        self.wires.here()
    }

    async fn connect(self: &Arc<Self>) -> Result<(), Error> {
        // Somebody else's attempt may have ended just before this one began.
        if self.wires.here().is_some() {
            return Ok(());
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let connection = self.dial(self.lost(serial)).await?;
        let wire = Wire::new(serial, &self.name, connection, &self.settings);
        self.wires.put(&Handle::current(), wire);
        Ok(())
    }

    async fn dial(&self, ear: Ear) -> Result<MultiplexedConnection, Error> {
        match &self.place {
            Place::Fixed(info) => log_in(info, &self.settings, ear).await,
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

    fn hang_up(&self, serial: u64) {
        self.wires.give_up(serial);
    }

    /// In a cluster, its slots may be somebody else's by now.
    fn look_around(&self) {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.refresh_soon();
        }
    }
}

/// How often a task yields, so that what is there is read before it goes on: for the
/// runtime to hear of it, for the connection's task to read it, and once more because
/// the future of a `block_on` comes before all tasks.
const TURNS: usize = 3;

/// What came while this runtime was held up, which is no fault of the server.
async fn already_here<T>(mut asking: Pin<&mut impl Future<Output = T>>) -> Option<T> {
    for _ in 0..TURNS {
        yield_now().await;
        if let Some(answer) = asking.as_mut().now_or_never() {
            return Some(answer);
        }
    }
    None
}
