//! Connections to Redis, and the scripts that run there.
//!
//! A [`Connection`] is to a single server, to the primary that sentinels name,
//! or to a cluster. It is made once, and cloned for all limiters that use it.
//!
//! ```no_run
//! # async fn connect() -> Result<(), sluicegate::redis::Error> {
//! use std::time::Duration;
//! use sluicegate::redis::{Connection, Server};
//!
//! // Fails here if the password is wrong, or the server is away.
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
//! # When Redis is slow, or away
//!
//! Every call ends within its [timeout](Builder::timeout), with an answer or an
//! [`Error`]. After some failures in a row, a [breaker](Builder::breaker) opens:
//! calls fail at once, and a probe in the background finds out when the server
//! can decide again. What a limiter does without an answer is its policy.
//!
//! # Lanes
//!
//! Limits, idempotency records, the counts of a fleet and the registry of deadlines
//! may share a server, but not a connection: each is a [`Lane`] with a TCP
//! connection, a breaker and [statistics](LaneStats) of its own, which is opened
//! when it is first used. A record of a megabyte that is on its way holds up no
//! check, and a breaker that opens on one lane closes no other. A process that uses
//! all of them has five connections to a server (records larger than 16 KiB have
//! one, too), and one more for each store or registry that listens for messages.
//!
//! # Runtimes
//!
//! A connection may be used on several tokio runtimes, one after the other or at the
//! same time. Each runtime has a TCP connection of its own for each lane, made when
//! it first asks, and it asks its own questions: another runtime that is blocked, or
//! that nothing drives, holds nobody up. So a service with a runtime for each of 16
//! cores has 16 connections to a server for its limits. The breakers are shared. A runtime that was
//! blocked itself takes the answers that have come meanwhile, and does not count them
//! as late.
//!
//! What goes on though nobody asks for it runs on one thread of this crate's own,
//! whose connections are its own too: listening for the ends of idempotent work and
//! for cancellations, giving back leased shares, shipping and watching counts. So it
//! does not matter what becomes of the runtime that began it. The thread is started
//! when it is first needed, and goes by real time.
//!
//! # Nothing is charged twice
//!
//! A call whose answer is lost may have been carried out, so it is not made
//! again. A call is repeated in three cases, in which the server said that it
//! ran nothing: it does not know the script (`NOSCRIPT`; once), or the keys are
//! at another node of the cluster (`MOVED`, `ASK`; up to five times). Records of
//! idempotency are another matter: their calls have tokens, by which what is
//! asked twice is done once.
//!
//! # No caller gets another's answer
//!
//! On a connection, answers belong to questions by their order alone, so that one
//! answer too many or too few, such as from a broken proxy, would give all callers
//! the wrong ones. Each call therefore carries a number that its script returns
//! first, also with an error. Where a refusal has no number, as `NOSCRIPT` and
//! `MOVED` have none, a question right behind it brings its own number back before
//! the refusal is believed. An answer with a wrong number closes the connection at
//! once. Calls under way on it end with
//! [`Unreachable`](ErrorKind::Unreachable), for they may have run, and
//! [`Stats::mixed_up`] counts it.
//!
//! # Rights
//!
//! A user needs `EVALSHA`, `EVAL`, what the scripts call (`TIME`, `GET`, `SET`,
//! `DEL`, `PEXPIRE`, `RPUSH`, `LLEN`, `LINDEX` and `LTRIM`), and the keys
//! `<prefix>:*`; in a cluster also `CLUSTER SLOTS` and `ASKING`. Who lacks one of
//! them learns it from [`connect`](Builder::connect); who loses one later gets
//! errors, and no limit is forgotten. Behind sentinels, a primary that lets the
//! user ask for its `ROLE` is recognised sooner.
//!
//! A [registry of deadlines](crate::deadline::registry) also needs `HMGET`,
//! `HSET`, `PUBLISH`, `SUBSCRIBE`, and the channels `<prefix>:*`. What ships and
//! reads [RED metrics](crate::red::fleet::redis) also needs `HDEL`, `HGET`, `HGETALL`,
//! `HINCRBY`, `HMGET`, `HSET`, `HSETNX`, `ZADD`, `ZRANGEBYSCORE` and `ZREM`. A store
//! of idempotency records makes use of `PUBLISH`, `SUBSCRIBE` and the channels, where
//! it may. Stores and limiters make use of `INFO`, where they may, to warn of a
//! server that drops keys when it is full.

mod address;
mod attempt;
mod bound;
mod breaker;
mod builder;
mod call;
mod cluster;
mod connection;
mod credentials;
mod dial;
mod error;
pub(crate) mod eviction;
mod lane;
mod latency;
mod link;
mod lost;
mod node;
mod probing;
mod redirection;
mod said;
mod script;
mod sentinel;
mod server;
mod settings;
mod stats;
mod subscription;
mod target;
#[cfg(feature = "redis-tls")]
mod tls;
#[cfg(not(feature = "redis-tls"))]
#[path = "no_tls.rs"]
mod tls;
mod topology;
mod wire;
mod wires;

pub(crate) use self::subscription::Subscription;
#[cfg(feature = "redis-tls")]
#[cfg_attr(docsrs, doc(cfg(feature = "redis-tls")))]
pub use self::tls::Tls;
pub use self::{
    builder::Builder,
    connection::Connection,
    credentials::Login,
    error::{Error, ErrorKind},
    lane::Lane,
    script::Script,
    server::Server,
    stats::{LaneStats, Stats},
};
