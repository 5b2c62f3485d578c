//! Deadlines under ids, for work that crosses a queue, where no `Instant` can.
//!
//! # How it works
//!
//! The producer [registers](Registry::register) a deadline and puts its [`Id`]
//! into the message. The consumer [claims](Registry::claim) it, and has a
//! [`Deadline`] of its own process again, and a [`Claim`] that hears when it is
//! [cancelled](Registry::cancel). What is [derived](Registry::derive) for a part
//! of the work ends with its parent at the latest, and is cancelled with it.
//!
//! In Redis, a deadline is a record that ends by the server's clock, so that it
//! does not matter how long a message lay in the queue, nor what time its two
//! ends think it is. Scripts decide: what is left, which of two instants is the
//! earlier. A claim's own instant is that at which it asked, and what was left
//! when the server answered: it is never later than the truth, and earlier by
//! the way of the question at most.
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
//! // Elsewhere, later.
//! let id: Id = message.parse()?;
//! let claim = registry.claim(&id).await?;
//! let work = async { "done" };
//! let end = tokio::select! {
//!     biased;
//!     end = deadline::scope(claim.deadline(), work) => end,
//!     _why = claim.cancelled() => "cancelled",
//!     () = claim.deadline().passed() => "too late",
//! };
//! assert_eq!(end, "done");
//! # Ok(()) }
//! ```
//!
//! With the feature `redis`, it is `Registry::redis("orders", &connection)` in
//! both processes, and nothing else changes.
//!
//! # Cancellation
//!
//! It is a word, not an undoing: holders are told the reason and decide. It is
//! kept in the record and published; each registry has one subscription, which
//! begins with the first claim. Messages can be lost, so whenever a subscription
//! begins, all that is held is asked for again. While there is none, both are
//! tried as often as the connection's breaker probes, once a second unless set;
//! so it is behind a proxy that speaks RESP2, on which nobody can be told.
//!
//! All futures here may be dropped. A call that was sent may have been carried
//! out even so; to make it again is harmless, but that a registered id of a
//! forgotten call stays until it ends.
//!
//! # When Redis is away, or empty
//!
//! The error is the answer, unless a largest skew of clocks was declared
//! (`Builder::skew`). Claims that were made stay as they are. A server that lost its
//! state answers [`Unknown`](Remaining::Unknown), and so it does of ids that were
//! given out while it was away: to cancel those reaches who holds them, and not
//! who claims them later. That is told apart from
//! [`Expired`](Remaining::Expired) for a [grace](Builder::grace) after the end.
//!
//! # Names and rights
//!
//! Records are hashes `<prefix>:{<registry>:<root>}:deadline`, for descendants
//! followed by their ids; a tree is in one slot of a cluster, and every record
//! expires. What is cancelled is published on `<prefix>:<registry>:cancelled`. A
//! user needs the rights that `sluicegate::redis` lists.
//!
//! # Differences from others
//!
//! * Celery's `expires` is an instant by the producer's clock, and its `revoke`
//!   is forgotten by workers that were away when it was said.
//! * `grpc-timeout` is relative, and dies where a message waits.

mod builder;
mod claim;
mod counts;
mod error;
mod id;
mod local;
#[cfg(feature = "redis")]
mod redis;
mod registry;
mod remaining;
#[cfg(test)]
mod tests;

pub use self::{
    builder::Builder, claim::Claim, counts::Counts, error::Error, id::Id, registry::Registry,
    remaining::Remaining,
};
