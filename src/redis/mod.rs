//! Connections to Redis, and the scripts that run there.
//!
//! A [`Connection`] leads to a single server, to the primary that sentinels
//! name, or to a cluster. Make it once, and clone it for all limiters that use
//! it.
//!
//! ```no_run
//! # async fn connect() -> Result<(), sluicegate::redis::Error> {
//! use std::time::Duration;
//! use sluicegate::redis::{Connection, Server};
//!
//! // Fails here if the password is wrong, or the server is down.
//! let redis = Connection::connect("redis://user:password@localhost:6379/3").await?;
//!
//! // Fails here if the address is wrong; the server may come later.
//! let nodes = ["redis://10.0.0.1:6379", "redis://10.0.0.2:6379"];
//! let redis = Connection::builder(Server::cluster(nodes))
//!     .prefix("shop")
//!     .timeout(Duration::from_millis(50))
//!     .lazy()?;
//! # Ok(()) }
//! ```
//!
//! # When Redis is slow or down
//!
//! Every call ends within its [timeout](Builder::timeout), with a reply or an
//! [`Error`]. After some failures in a row, a [breaker](Builder::breaker)
//! opens: calls fail at once, and a probe in the background finds out when the
//! server works again. Without a reply, the policy of a limiter decides.
//!
//! # Lanes
//!
//! Limits, idempotency records, the counts of a fleet and the registry of
//! deadlines may share a server, but they do not share a connection. Each is a
//! [`Lane`] with its own TCP connection, breaker and [statistics](LaneStats),
//! opened when it is first used. A record of a megabyte on its way delays no
//! check, and a breaker that opens on one lane stops no other. A process that
//! uses all lanes has five connections to a server (records larger than 16 KiB
//! have one, too), and one more for each store or registry that listens for
//! messages.
//!
//! # Runtimes
//!
//! A connection may be used on several tokio runtimes, one after the other or
//! at the same time. Each runtime has its own TCP connection for each lane,
//! made when it first makes a call, so a runtime that is blocked or not driven
//! delays no other. A service with a runtime for each of 16 cores therefore has
//! 16 connections to a server for its limits. The breakers are shared. If a
//! runtime was blocked itself, replies that have arrived meanwhile still count
//! as in time.
//!
//! Background work runs on one thread of this crate, with its own connections:
//! listening for completed idempotent work and for cancellations, returning
//! leased shares, shipping and watching counts. It does not depend on the
//! runtime that began it. The thread starts when it is first needed, and uses
//! real time.
//!
//! # Nothing is charged twice
//!
//! A call whose reply is lost may have been carried out, so it is not made
//! again. A call is sent again in two cases, in which the server ran nothing:
//! it does not know the script (`NOSCRIPT`; once), or the keys are at another
//! node of the cluster (`MOVED`, `ASK`; up to five times). Calls about
//! idempotency records may be repeated, because their tokens make a repeated
//! call take effect only once.
//!
//! # No caller gets another caller's reply
//!
//! On a connection, replies belong to calls only by their order. One reply too
//! many or too few, for example from a broken proxy, would give all callers the
//! wrong ones. Therefore each call carries a number that its script returns
//! last, also with an error. `NOSCRIPT` and `MOVED` come without a number.
//! Therefore a second command is sent after such an error, and the error is
//! believed when that command has returned its own number. A reply with a wrong
//! number closes the connection at once. The calls under way on it fail with
//! [`Unreachable`](ErrorKind::Unreachable), because they may have run, and
//! [`Stats::mixed_up`] counts the connection.
//!
//! # Rights
//!
//! A user needs `EVALSHA`, `EVAL`, the commands of the scripts (`TIME`, `GET`,
//! `SET`, `DEL`, `PEXPIRE`, `PTTL`, `RPUSH`, `LLEN`, `LINDEX` and `LTRIM`), and the
//! keys `<prefix>:*`; in a cluster also `CLUSTER SLOTS` and `ASKING`. If one of
//! them is missing, [`connect`](Builder::connect) fails. If it is withdrawn
//! later, calls fail, and no limit is forgotten. Behind sentinels, a user with
//! the right to `ROLE` recognises a former primary sooner.
//!
//! [Holds](crate::limit::Hold) also need `ZADD`, `ZCARD`, `ZRANGEBYSCORE`, `ZREM`
//! and `ZREMRANGEBYSCORE`.
//! A [registry of deadlines](crate::deadline::registry) also needs `HMGET`,
//! `HSET`, `PUBLISH`, `SUBSCRIBE`, and the channels `<prefix>:*`. Shipping and
//! reading [RED metrics](crate::red::redis) also needs `HDEL`, `HGET`,
//! `HGETALL`, `HINCRBY`, `HMGET`, `HSET`, `HSETNX`, `ZADD`, `ZRANGEBYSCORE` and
//! `ZREM`. A budget of retries (`client`) also needs `HDEL`, `HGETALL` and
//! `HSET`. A [limit of concurrency](crate::concurrency::Redis) names what it
//! needs. A store of idempotency records uses `PUBLISH`, `SUBSCRIBE` and the
//! channels if it has the right to. Stores and limiters use `INFO` if they may,
//! and warn of a server that drops keys when it is full.

mod address;
mod breaker;
mod builder;
mod connect;
mod connection;
mod error;
mod eviction;
mod lane;
mod listener;
mod route;
mod script;
mod server;
mod settings;
mod stats;
mod subscription;
mod wire;

#[cfg(feature = "redis-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
pub use self::address::Tls;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub use self::script::Script;
#[cfg(not(any(test, feature = "testing")))]
pub(crate) use self::script::Script;
pub use self::{
    builder::Builder,
    connect::Login,
    connection::Connection,
    error::{Error, ErrorKind},
    lane::Lane,
    server::Server,
    stats::{LaneStats, Stats},
};
pub(crate) use self::{
    eviction::{EvictionCheck, EvictionPolicy},
    listener::{Listen, Listener},
    subscription::Subscription,
};
