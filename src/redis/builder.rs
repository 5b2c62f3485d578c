//! The builder of a connection, which checks all settings.
//!
//! It turns the settings into a target, whose addresses are parsed, and into
//! the template of each lane's settings. `connect` then checks the server, and
//! names the setting that is wrong.

use std::{sync::Arc, time::Duration};

use futures_util::future::try_join_all;

use super::{
    address::Tls,
    connect::{Login, Provider, denied, user},
    connection::Connection,
    error::Error,
    route::{Cluster, Lanes, Servers, Target},
    server::Server,
    settings::{Config, LaneSettings},
};

/// Builds a [`Connection`].
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
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    /// The servers, not parsed yet.
    server: Server,
    /// The certificates of `rediss://` addresses.
    tls: Tls,
    config: Config,
}

/// The longest timeout and probe interval.
const MAX_TIMEOUT: Duration = Duration::from_secs(3_600);
/// The longest prefix. It is part of every key, and so of every call.
const MAX_PREFIX_BYTES: usize = 64;

impl Builder {
    /// Returns a builder with the default settings.
    pub(super) fn new(server: Server) -> Self {
        Self {
            server,
            tls: Tls::default(),
            config: Config {
                prefix: "sluicegate".to_owned(),
                timeout: Duration::from_millis(100),
                failures: 3,
                probe_every: Duration::from_secs(1),
                provider: None,
            },
        }
    }

    /// Sets the first part of all keys, before a colon: 1 to 64 letters,
    /// digits, dots, underscores and hyphens. The default is `sluicegate`.
    ///
    /// Two services with different prefixes share nothing on a server. All
    /// processes of one service need the same prefix, or they count apart.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost").prefix("shop").lazy()?;
    /// let error = Connection::builder("redis://localhost").prefix("a:b").lazy();
    /// assert!(error.is_err());
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.prefix = prefix.into();
        self
    }

    /// Sets how long a call may take in all, with connecting, redirections and
    /// the transfer of the script: more than zero, at most an hour. The default
    /// is 100 ms.
    ///
    /// A large idempotency record has more time, by its
    /// [size](crate::redis::Lane::LargeRecords). Counts of a fleet have at
    /// least a second, because no request waits for them. An attempt to connect
    /// may take at least a second, too. It goes on when the call that began it
    /// has timed out, so that the next call finds the connection.
    ///
    /// A check adds at most this time to a request, and its policy decides
    /// then.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost")
    ///     .timeout(Duration::from_millis(20))
    ///     .lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }

    /// Sets the breaker: after this many failed calls in a row, calls fail at
    /// once and are not sent. A probe runs in the background at this interval,
    /// and the first one that passes lets calls through again. The defaults are
    /// 3 failures and one second; allowed are 1 failure or more, and 1 ms to an
    /// hour.
    ///
    /// A call counts as failed if no reply comes in time, if the connection
    /// fails, or after an error that any call would get, such as `READONLY`,
    /// `LOADING`, `OOM` or `CLUSTERDOWN`. Each [`Lane`](crate::redis::Lane) has
    /// its own breaker, and in a cluster each node of it.
    ///
    /// The probe is a script that writes a key of its own, which expires. A
    /// task of the runtime that opened the breaker makes it. If that runtime
    /// has ended or is blocked when a probe is due, the next call makes the
    /// probe, within its own timeout. So it does not matter how long runtimes
    /// last.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::redis::Connection;
    ///
    /// let redis = Connection::builder("redis://localhost")
    ///     .breaker(5, Duration::from_millis(500))
    ///     .lazy()?;
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn breaker(mut self, failures: u32, probe_every: Duration) -> Self {
        self.config.failures = failures;
        self.config.probe_every = probe_every;
        self
    }

    /// Uses these certificates for `rediss://` addresses, instead of those of
    /// the system.
    ///
    /// ```no_run
    /// # fn build() -> Result<(), Box<dyn std::error::Error>> {
    /// use sluicegate::redis::{Connection, Tls};
    ///
    /// let tls = Tls::new().root(std::fs::read("ca.pem")?);
    /// let redis = Connection::builder("rediss://cache.internal").tls(tls).lazy()?;
    /// # Ok(()) }
    /// ```
    #[cfg(feature = "redis-tls")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
    pub fn tls(self, tls: Tls) -> Self {
        Self { tls, ..self }
    }

    /// Calls this function for user and password whenever a connection is made,
    /// instead of taking them from the address. They may change while the
    /// service runs: after a password was rotated, existing connections go on,
    /// and the next one uses the new password.
    ///
    /// The function serves the login at the servers with the data, not at
    /// sentinels. It has to return within the time for connecting, which is the
    /// [timeout](Self::timeout) and at least a second. If it has to fetch
    /// credentials from afar, it should cache them. When it fails, panics or
    /// takes longer, the connection fails, and the next one calls it again. Its
    /// error is dropped, because it might contain a secret: log it where it
    /// occurs.
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
    pub fn credentials<F, L, E>(mut self, get: F) -> Self
    where
        F: Fn() -> L + Send + Sync + 'static,
        L: Future<Output = Result<Login, E>> + Send + 'static,
        E: 'static,
    {
        self.config.provider = Some(Provider::new(get));
        self
    }

    /// Connects, logs in, and makes a round trip. In a cluster, all primaries
    /// must reply.
    ///
    /// # Errors
    ///
    /// [`Config`](super::ErrorKind::Config) if a setting cannot work: an
    /// address, a password, a user without the [rights](crate::redis#rights) to
    /// scripts, their commands or the keys, a database that does not exist, a
    /// server without TLS. Otherwise the reason why the server cannot serve
    /// calls at present.
    ///
    /// A service that must not start without Redis uses this. One that may uses
    /// [`lazy`](Self::lazy).
    pub async fn connect(self) -> Result<Connection, Error> {
        let lanes = self.lanes()?;
        let checked = match &lanes.open_spare().servers {
            Servers::Single(node) => node.check().await,
            Servers::Cluster(cluster) => check_all(cluster).await,
        };
        checked.map_err(|error| explain(error, &lanes))?;
        Ok(Connection::new(lanes))
    }

    /// Connects when the first call is made, so that a service can start while
    /// Redis is down.
    ///
    /// # Errors
    ///
    /// [`Config`](super::ErrorKind::Config) if a setting is wrong in itself.
    ///
    /// ```
    /// use sluicegate::redis::Connection;
    ///
    /// // Nothing listens there yet, and no connection is made.
    /// let redis = Connection::builder("redis://127.0.0.1:1").lazy()?;
    /// assert_eq!(redis.stats().connects, 0);
    /// # Ok::<(), sluicegate::redis::Error>(())
    /// ```
    pub fn lazy(self) -> Result<Connection, Error> {
        Ok(Connection::new(self.lanes()?))
    }

    /// Parses the addresses, and checks all settings. It needs no server.
    fn lanes(&self) -> Result<Lanes, Error> {
        let settings = self.settings()?;
        let target = Target::parse(&self.server, &self.tls)?;
        let login = target.login().redis_settings();
        if self.config.provider.is_some() && (login.username(), login.password()) != (None, None) {
            let value = "and a login in the address";
            return Err(Error::config("credentials", value, "one of the two"));
        }
        Ok(Lanes::new(target, settings))
    }

    /// Checks the settings that are numbers or names.
    fn settings(&self) -> Result<LaneSettings, Error> {
        let config = &self.config;
        check_prefix(&config.prefix)?;
        if config.timeout.is_zero() || config.timeout > MAX_TIMEOUT {
            let value = format_args!("{:?}", config.timeout);
            let allowed = "more than 0, and at most an hour";
            return Err(Error::config("timeout", value, allowed));
        }
        if config.failures == 0 {
            return Err(Error::config("breaker failures", 0, "1 or more"));
        }
        if config.probe_every < Duration::from_millis(1) || config.probe_every > MAX_TIMEOUT {
            let value = format_args!("{:?}", config.probe_every);
            return Err(Error::config(
                "breaker probe_every",
                value,
                "1ms to an hour",
            ));
        }
        Ok(LaneSettings::new(config.clone()))
    }
}

/// Rejects characters that would end a hash tag or a part of a key.
fn check_prefix(prefix: &str) -> Result<(), Error> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if prefix.is_empty() || prefix.len() > MAX_PREFIX_BYTES || !prefix.bytes().all(is_plain) {
        let allowed = "1 to 64 of the characters A-Z a-z 0-9 . _ -";
        return Err(Error::config("prefix", format_args!("{prefix:?}"), allowed));
    }
    Ok(())
}

/// Checks all primaries of a cluster at the same time.
async fn check_all(cluster: &Arc<Cluster>) -> Result<(), Error> {
    cluster.refresh().await?;
    let primaries = cluster.primaries();
    try_join_all(primaries.iter().map(|node| node.check())).await?;
    Ok(())
}

/// Names the wrong setting if the server's first reply shows it.
fn explain(error: Error, lanes: &Lanes) -> Error {
    let login = lanes.login();
    match error.server_error() {
        Some(server_error) if server_error.is_denied() => {
            let user = match lanes.settings().config.provider {
                Some(_) => "that of the credentials",
                None => user(login),
            };
            denied(login.addr(), user, server_error)
        }
        Some(server_error) if server_error.has_no_cluster() => {
            Error::config("server", "a cluster", "Server::single: it is one server")
        }
        Some(server_error) if server_error.code() == Some("MOVED") => {
            let allowed = "Server::cluster: it is a node of a cluster";
            Error::config("server", "a single one", allowed)
        }
        _ => error,
    }
}
