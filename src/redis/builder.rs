//! How a connection is configured.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;

use super::{
    cluster::Cluster,
    connection::Connection,
    credentials::{Login, Provider},
    dial,
    error::Error,
    lane::Lanes,
    link::Servers,
    server::Server,
    settings::Settings,
    target::Target,
    tls::Tls,
};

/// A [`Connection`] that is still to be configured.
///
/// ```no_run
/// # async fn connect() -> Result<(), sluicegate::redis::Error> {
/// use std::time::Duration;
/// use sluicegate::redis::{Connection, Server};
///
/// let sentinels = ["redis://10.0.0.1:26379", "redis://10.0.0.2:26379"];
/// let redis = Connection::builder(Server::sentinel(sentinels, "redis://user:password@mymaster"))
///     .prefix("shop")
///     .timeout(Duration::from_millis(50))
///     .connect()
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it connects"]
pub struct Builder {
    server: Server,
    tls: Tls,
    prefix: String,
    timeout: Duration,
    failures: u32,
    probe_every: Duration,
    provider: Option<Provider>,
}

const LONGEST: Duration = Duration::from_secs(3_600);
const LONGEST_PREFIX: usize = 64;

impl Builder {
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            tls: Tls::default(),
            prefix: "sluicegate".to_owned(),
            timeout: Duration::from_millis(100),
            failures: 3,
            probe_every: Duration::from_secs(1),
            provider: None,
        }
    }

    /// What the names of all keys begin with, before a colon: 1 to 64 letters,
    /// digits, dots, underscores and hyphens. `sluicegate` unless it is set.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        let prefix = prefix.into();
        Self { prefix, ..self }
    }

    /// How long a call may take in all, with connecting, redirections and the
    /// script's transfer: more than zero, at most an hour. 100 ms unless it is
    /// set. A large idempotency record has more, by its
    /// [size](crate::redis::Lane::LargeRecords), and counts of a fleet have a second at
    /// least, for no request waits for them. An attempt to connect goes on for at least a second, also when the
    /// call that began it has given up, so that the next one finds it done.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// After so many failed calls in a row, calls fail at once, without being
    /// sent. A probe is made in the background so often, and the first one that
    /// passes lets calls through again. 3 and one second unless it is set;
    /// allowed are 1 or more, and a millisecond to an hour.
    ///
    /// A call fails in this sense when there is no answer in time, no
    /// connection, or an error that any call would get, such as `READONLY`,
    /// `LOADING`, `OOM` or `CLUSTERDOWN`. Each [`Lane`](crate::redis::Lane) is on its
    /// own, and in a cluster each node of it.
    ///
    /// The probe is a script that writes a key of its own, which expires. It is made
    /// by a task of the runtime that opened the breaker. If that has ended or is held
    /// up when a probe is due, the next call makes it, within its own timeout; so it
    /// does not matter how long runtimes last.
    pub fn breaker(self, failures: u32, probe_every: Duration) -> Self {
        Self {
            failures,
            probe_every,
            ..self
        }
    }

    /// Other certificates than those of the system, for `rediss://` addresses.
    #[cfg(feature = "redis-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// Asks for user and password whenever a connection is made, instead of taking
    /// them from the address, so that they may change while the service runs: when a
    /// password was rotated, connections that are there go on, and the next one is
    /// made with what is told then.
    ///
    /// The servers that hold the data are logged in at like this, not sentinels. It
    /// has to answer within the time of an attempt to connect, the
    /// [timeout](Self::timeout) or a second if that is longer, so one that has to
    /// fetch credentials from afar should keep them. When it fails, panics or takes
    /// longer, there is no connection, and it is asked again for the next one. Its
    /// error is dropped, for it might hold a secret: log it where it comes up.
    ///
    /// ```no_run
    /// # async fn connect() -> Result<(), sluicegate::redis::Error> {
    /// use sluicegate::redis::{Connection, Login};
    ///
    /// let redis = Connection::builder("rediss://limits.internal")
    ///     .credentials(|| async {
    ///         let password = tokio::fs::read_to_string("/run/secrets/redis").await?;
    ///         Ok::<_, std::io::Error>(Login::new("limits", password.trim_end()))
    ///     })
    ///     .connect()
    ///     .await?;
    /// # Ok(()) }
    /// ```
    pub fn credentials<F, L, E>(self, ask: F) -> Self
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Result<Login, E>> + Send + 'static,
        E: 'static,
    {
        let provider = Some(Provider::new(ask));
        Self { provider, ..self }
    }

    /// Connects, logs in, and makes a round trip. In a cluster, all primaries
    /// must answer.
    ///
    /// # Errors
    ///
    /// [`Config`](super::ErrorKind::Config) when something is configured that
    /// cannot work: an address, a password, a user without the
    /// [rights](crate::redis#rights) to scripts, to what they call, or to the
    /// keys, a database that is not there, a server that does not speak TLS.
    /// Otherwise what keeps the server from deciding at present.
    pub async fn connect(self) -> Result<Connection, Error> {
        let lanes = self.lanes()?;
        let checked = match &lanes.open_spare().servers {
            Servers::One(node) => node.check().await,
            Servers::Cluster(cluster) => check_all(cluster).await,
        };
        checked.map_err(|error| explain(error, &lanes))?;
        Ok(Connection::new(lanes))
    }

    /// Connects when the first call is made, so that a service can start while
    /// Redis is away.
    ///
    /// # Errors
    ///
    /// [`Config`](super::ErrorKind::Config) when it can be seen without a
    /// server that it cannot work.
    pub fn lazy(self) -> Result<Connection, Error> {
        Ok(Connection::new(self.lanes()?))
    }

    fn lanes(&self) -> Result<Lanes, Error> {
        let settings = self.settings()?;
        let target = Target::of(&self.server, &self.tls)?;
        let login = target.login().redis_settings();
        if self.provider.is_some() && (login.username(), login.password()) != (None, None) {
            let value = "an address with a user or a password";
            return Err(Error::config(
                "credentials",
                value,
                "an address without them",
            ));
        }
        Ok(Lanes::new(target, settings))
    }

    fn settings(&self) -> Result<Settings, Error> {
        let Self {
            prefix, timeout, ..
        } = self;
        if prefix.is_empty() || prefix.len() > LONGEST_PREFIX || !prefix.bytes().all(is_plain) {
            let allowed = "1 to 64 of the characters A-Z a-z 0-9 . _ -";
            return Err(Error::config("prefix", format_args!("{prefix:?}"), allowed));
        }
        if timeout.is_zero() || *timeout > LONGEST {
            let value = format_args!("{timeout:?}");
            return Err(Error::config(
                "timeout",
                value,
                "more than 0, at most an hour",
            ));
        }
        if self.failures == 0 {
            return Err(Error::config("breaker failures", 0, "1 or more"));
        }
        if self.probe_every < Duration::from_millis(1) || self.probe_every > LONGEST {
            let value = format_args!("{:?}", self.probe_every);
            return Err(Error::config(
                "breaker probe_every",
                value,
                "1ms to an hour",
            ));
        }
        Ok(Settings::new(
            prefix,
            *timeout,
            self.failures,
            self.probe_every,
            self.provider.clone(),
        ))
    }
}

/// Nothing that ends a hash tag or a name's part.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._-".contains(&byte)
}

async fn check_all(cluster: &Arc<Cluster>) -> Result<(), Error> {
    cluster.refresh().await?;
    let primaries = cluster.primaries();
    try_join_all(primaries.iter().map(|node| node.check())).await?;
    Ok(())
}

/// Says what is configured wrongly if the very first call shows it.
fn explain(error: Error, lanes: &Lanes) -> Error {
    match error.said() {
        Some(said) if said.is_denied() && lanes.settings().provider.is_some() => {
            dial::denied(lanes.login().addr(), "that of the credentials", said)
        }
        Some(said) if said.is_denied() => {
            dial::denied(lanes.login().addr(), dial::user(lanes.login()), said)
        }
        Some(said) if said.has_no_cluster() => {
            Error::config("server", "a cluster", "Server::single: it is one server")
        }
        Some(said) if said.code() == Some("MOVED") => Error::config(
            "server",
            "a single one",
            "Server::cluster: it is a cluster's node",
        ),
        _ => error,
    }
}
