//! One server: its connection and its breaker.

use std::sync::{
    Arc, LazyLock, Weak,
    atomic::{AtomicU64, Ordering},
};

use redis::{Cmd, ConnectionInfo, RedisError, Value, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout_at};

use super::{
    attempt::Attempt,
    breaker::{self, Breaker, Guarded},
    cluster::Cluster,
    dial::{Lost, dial},
    error::Error,
    redirection::Redirection,
    script::Script,
    sentinel::Sentinels,
    settings::Settings,
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

/// A connection, and which one it is.
#[derive(Clone)]
struct Live {
    serial: u64,
    connection: MultiplexedConnection,
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
        call: &Cmd,
        asking: bool,
        deadline: Instant,
    ) -> Result<Value, Error> {
        if breaker::is_shut(self) {
            return Err(Error::shut());
        }
        let result = self.send(call, asking, deadline).await;
        breaker::judge(self, result.as_ref().err());
        if result.as_ref().is_err_and(Error::is_outage) {
            self.look_around();
        }
        result
    }

    /// Sends it once, whatever the breaker says.
    pub(super) async fn send(
        self: &Arc<Self>,
        call: &Cmd,
        asking: bool,
        deadline: Instant,
    ) -> Result<Value, Error> {
        let live = timeout_at(deadline, self.live()).await;
        let live = live.map_err(|_| self.late())??;
        self.send_by(&live, call, asking, deadline).await
    }

    async fn send_by(
        &self,
        live: &Live,
        call: &Cmd,
        asking: bool,
        deadline: Instant,
    ) -> Result<Value, Error> {
        let sent = timeout_at(deadline, transmit(live.connection.clone(), call, asking)).await;
        // A call that is late keeps its connection: what the server still
        // answers goes nowhere, and others are under way.
        let answer = sent.map_err(|_| self.late())?;
        let answer = answer.map_err(|error| Error::of_call(&self.name, error));
        if answer.as_ref().is_err_and(Error::ends_connection) {
            self.hang_up(live.serial);
        }
        answer
    }

    fn late(&self) -> Error {
        Error::timed_out(&self.name, self.settings.timeout)
    }

    async fn live(self: &Arc<Self>) -> Result<Live, Error> {
        if let Some(live) = lock(&self.live).clone() {
            return Ok(live);
        }
        let node = Arc::clone(self);
        let connecting = self.connecting.join(async move { node.connect().await });
        connecting.await?;
        let live = lock(&self.live).clone();
        live.ok_or_else(|| Error::unreachable(&self.name, "the new connection broke at once"))
    }

    async fn connect(self: &Arc<Self>) -> Result<(), Error> {
        // Somebody else's attempt may have ended just before this one began.
        if self.is_connected() {
            return Ok(());
        }
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let lost = self.lost(serial);
        let connection = match &self.place {
            Place::Fixed(info) => dial(info, &self.settings, Some(lost)).await?,
            Place::Elected(sentinels) => sentinels.dial(&self.settings, lost).await?,
        };
        *lock(&self.live) = Some(Live { serial, connection });
        Ok(())
    }

    /// Servers close idle connections; no call shall have to find that out.
    fn lost(self: &Arc<Self>, serial: u64) -> Lost {
        let node = Arc::downgrade(self);
        Arc::new(move || {
            if let Some(node) = node.upgrade() {
                node.hang_up(serial);
            }
        })
    }

    /// Gives this connection up, unless it has been replaced already.
    fn hang_up(&self, serial: u64) {
        let given_up = lock(&self.live).take_if(|live| live.serial == serial);
        // What it takes to close it is not done under the lock.
        drop(given_up);
    }

    /// In a cluster, its slots may be somebody else's by now.
    fn look_around(&self) {
        if let Some(cluster) = self.cluster.upgrade() {
            cluster.refresh_soon();
        }
    }

    /// Connects if need be, and makes a round trip that proves that the server
    /// can decide.
    pub(super) async fn check(self: &Arc<Self>) -> Result<(), Error> {
        // Not within the calls' timeout: connecting has bounds of its own, and
        // no request waits for it here.
        let live = self.live().await?;
        let Err(error) = self.question(&live).await else {
            return Ok(());
        };
        // Who points elsewhere is well.
        if self.cluster.strong_count() > 0 && Redirection::of(&error).is_some() {
            return Ok(());
        }
        // A connection on which not even this comes back is of no use.
        self.hang_up(live.serial);
        Err(error)
    }

    /// A write: it fails on a replica and on a full server, too. And a script:
    /// it fails while another one blocks the server, and without the right to
    /// run any.
    async fn question(self: &Arc<Self>, live: &Live) -> Result<Value, Error> {
        let deadline = Instant::now() + self.settings.timeout;
        let key = match self.cluster.upgrade() {
            Some(cluster) => cluster.key_at(self),
            None => Some(format!("{}:{{probe}}", self.settings.prefix)),
        };
        let Some(key) = key else {
            return self
                .send_by(live, &redis::cmd("PING"), false, deadline)
                .await;
        };
        let mut call = PROBE.call(1);
        call.arg(key);
        let answer = self.send_by(live, &call, false, deadline).await;
        if answer
            .as_ref()
            .is_err_and(|error| error.code() == Some("NOSCRIPT"))
        {
            let whole = PROBE.call_with_source(&call);
            return self.send_by(live, &whole, false, deadline).await;
        }
        answer
    }
}

static PROBE: LazyLock<Script> =
    LazyLock::new(|| Script::new("return redis.call('SET', KEYS[1], 1, 'PX', 60000)"));

impl Guarded for Node {
    fn breaker(&self) -> &Breaker {
        &self.breaker
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn name(&self) -> &str {
        &self.name
    }

    async fn probe(self: &Arc<Self>) -> Result<(), Error> {
        let result = self.check().await;
        if result.is_err() {
            self.look_around();
        }
        result
    }
}

/// Neither sends again, whatever happens: redis-rs does that in its connection
/// manager and in its cluster client, which are not used here.
async fn transmit(
    mut connection: MultiplexedConnection,
    call: &Cmd,
    asking: bool,
) -> Result<Value, RedisError> {
    if !asking {
        return connection.send_packed_command(call).await?.extract_error();
    }
    // ASKING holds for the next command of the connection, so nobody else's
    // may come between the two.
    let mut both = redis::pipe();
    both.cmd("ASKING").add_command(call.clone());
    let answers = connection.send_packed_commands(&both, 0, 2).await?;
    let answer = answers.into_iter().last().unwrap_or(Value::Nil);
    answer.extract_error()
}
