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

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::Deadline;

mod builder;
mod claim;
mod counts;
mod error;
mod id;
mod local;
#[cfg(feature = "redis")]
mod redis;
mod remaining;

use self::local::Local;
pub use self::{
    builder::Builder, claim::Claim, counts::Counts, error::Error, id::Id, remaining::Remaining,
};

/// Deadlines under ids; see the [module](self). Clones are one registry.
#[derive(Clone)]
pub struct Registry(Store);

#[derive(Clone)]
enum Store {
    Local(Arc<Local>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Redis>),
}

impl Registry {
    /// A registry in this process, for tests and for queues in memory. It goes
    /// by tokio's clock.
    pub fn local() -> Self {
        Self::builder().local()
    }

    /// The registry of this name in Redis.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(name: &str, connection: &crate::redis::Connection) -> Self {
        Self::builder().redis(name, connection)
    }

    /// A registry that is still to be configured.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A deadline so long from now, under a new id: 128 random bits. A budget of
    /// more than 30 years is cut to that.
    ///
    /// # Errors
    ///
    /// [`Full`](Error::Full) in process, `Redis` in Redis.
    pub async fn register(&self, budget: Duration) -> Result<Id, Error> {
        self.register_as(Id::random(), budget).await
    }

    /// The same under an id of the caller's own, which is to be used once.
    ///
    /// Where that is known already, the earlier of the two deadlines holds, so
    /// that a call whose answer was lost can be made again.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register), and [`Expired`](Error::Expired) or
    /// [`Cancelled`](Error::Cancelled) where the id is known as that;
    /// [`Malformed`](Error::Malformed) for a child's, which could outlast its
    /// parent: those are [derived](Self::derive).
    pub async fn register_as(&self, id: Id, budget: Duration) -> Result<Id, Error> {
        if id.chain().count() > 1 {
            return Err(Error::Malformed);
        }
        match &self.0 {
            Store::Local(local) => match local.register(&id, budget)? {
                // It may have had no time at all.
                Remaining::Expired if budget.is_zero() => Ok(id),
                word => word.left().map(|_| id),
            },
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.register(id, budget).await,
        }
    }

    /// A deadline for a part of the work: at most so long from now, and never
    /// later than its parent.
    ///
    /// # Errors
    ///
    /// What became of the parent, if it is no longer going on;
    /// [`TooDeep`](Error::TooDeep) for a 17th generation; as for
    /// [`register`](Self::register).
    pub async fn derive(&self, parent: &Id, cap: Duration) -> Result<Id, Error> {
        let child = parent.child()?;
        match &self.0 {
            Store::Local(local) => local.derive(parent, &child, cap).map(|()| child),
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.derive(parent, child, cap).await,
        }
    }

    /// What is left, by the registry's clock.
    ///
    /// # Errors
    ///
    /// `Redis`, when it does not answer.
    pub async fn remaining(&self, id: &Id) -> Result<Remaining, Error> {
        match &self.0 {
            Store::Local(local) => Ok(local.look(id)),
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.look(id).await,
        }
    }

    /// Takes hold of a deadline, to work under it and to hear when it is
    /// cancelled.
    ///
    /// # Errors
    ///
    /// What became of it, if it is no longer going on; `Redis`, when that does
    /// not answer.
    pub async fn claim(&self, id: &Id) -> Result<Claim, Error> {
        // Whoever cancels it after the answer finds it held.
        let hold = match &self.0 {
            Store::Local(local) => local.holders.hold(id),
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.hold(id),
        };
        let asked = Instant::now();
        let left = self.remaining(id).await?.left()?;
        // The question took time, and what is left was so later than this.
        let at = asked.checked_add(left);
        let deadline = at.map_or_else(|| Deadline::after(left), Deadline::at);
        let hold = Arc::new(hold);
        Ok(Claim { deadline, hold })
    }

    /// Cancels a deadline and all that was derived from it; of a reason, the
    /// first 256 bytes are kept. Answers how it stood before:
    /// [`Left`](Remaining::Left) means that it is cancelled now, and anything
    /// else that there was nothing to cancel. Even so, holders of what is
    /// [unknown](Remaining::Unknown) are told, for its record may have been lost.
    ///
    /// # Errors
    ///
    /// `Redis`, when it does not answer; it may be cancelled even so.
    pub async fn cancel(&self, id: &Id, reason: &str) -> Result<Remaining, Error> {
        let why = remaining::kept(reason);
        match &self.0 {
            Store::Local(local) => Ok(local.cancel(id, &why)),
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.cancel(id, &why).await,
        }
    }

    /// What this handle and its clones did so far.
    pub fn counts(&self) -> Counts {
        match &self.0 {
            Store::Local(local) => Counts {
                told: local.holders.told(),
                ..Counts::default()
            },
            #[cfg(feature = "redis")]
            Store::Redis(redis) => redis.counts(),
        }
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registry")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
