//! Deadlines under ids, for work that crosses a queue, where an `Instant`
//! cannot go.
//!
//! # How it works
//!
//! The producer [registers](Registry::register) a deadline and puts its [`Id`]
//! into the message. The consumer [claims](Registry::claim) it. It gets a
//! [`Deadline`](super::Deadline) of its own process, and a [`Claim`] that learns
//! when the deadline is [cancelled](Registry::cancel). A deadline that is
//! [derived](Registry::derive) for a part of the work ends with its parent at
//! the latest, and is cancelled with it.
//!
//! In Redis, a deadline is a record that ends by the server's clock, so neither
//! the time that a message lay in the queue nor the clocks of its two ends
//! matter. Scripts decide what is left, and which of two instants is the
//! earlier. A claim takes what was left when the server answered, and counts it
//! from when it asked. So its instant is never later than the server's, and
//! earlier by the way of the question at most.
//!
//! # Example
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), sluicegate::deadline::registry::Error> {
//! use std::time::Duration;
//! use sluicegate::deadline::{self, Registry, registry::Id};
//!
//! let registry = Registry::local();
//! let message = registry.register(Duration::from_secs(30)).await?.to_string();
//!
//! // In another process, later.
//! let id: Id = message.parse()?;
//! let claim = registry.claim(&id).await?;
//! let work = async { "done" };
//! let end = tokio::select! {
//!     biased;
//!     end = deadline::scope(claim.deadline(), work) => end,
//!     _reason = claim.cancelled() => "cancelled",
//!     () = claim.deadline().passed() => "too late",
//! };
//! assert_eq!(end, "done");
//! # Ok(()) }
//! ```
//!
//! With the feature `redis`, both processes use
//! `Registry::redis("orders", &connection)`, and nothing else changes.
//!
//! # Cancellation
//!
//! A cancellation does not undo anything: holders learn the reason and decide.
//! It is kept in the record and published. Each registry has one subscription,
//! which begins with the first claim. Messages can be lost, so whenever a
//! subscription begins, the registry asks again for everything that is held.
//! Without a subscription, it tries both as often as the connection's breaker
//! probes, once a second by default. This is also how it works behind a proxy
//! that speaks only RESP2.
//!
//! All futures here may be dropped. A call that was sent may be carried out
//! even so. Repeating it is harmless, except that a registered id of a dropped
//! call stays until it ends.
//!
//! # When Redis is unavailable, or empty
//!
//! Calls then return the error, unless a largest skew of clocks was set
//! (`Builder::skew`). Claims that exist stay as they are. A server that lost
//! its state answers [`Unknown`](Remaining::Unknown). It also does so for ids
//! that were issued while it was unavailable: to cancel one of those reaches
//! its present holders, but not those that claim it later. For a
//! [grace](Builder::grace) after the end, [`Expired`](Remaining::Expired) is
//! told apart from that.
//!
//! # Keys and rights
//!
//! Records are hashes `<prefix>:{<registry>:<root>}:deadline`, for descendants
//! followed by their ids. A tree is in one slot of a cluster, and every record
//! expires. Cancellations are published on `<prefix>:<registry>:cancelled`. The
//! Redis user needs the rights that `sluicegate::redis` lists.
//!
//! # Differences from others
//!
//! * Celery's `expires` is an instant by the producer's clock, and workers that
//!   were not running miss its `revoke`.
//! * `grpc-timeout` is relative, and does not count while a message waits.

mod builder;
mod claim;
mod error;
mod holders;
mod id;
mod local;
#[cfg(feature = "redis")]
mod redis;
mod registry;
mod remaining;
#[cfg(test)]
mod tests;

pub use self::{
    builder::Builder,
    claim::Claim,
    error::Error,
    id::Id,
    registry::{Counts, Registry},
    remaining::Remaining,
};
