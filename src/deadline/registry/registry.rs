//! The handle of a registry, whatever keeps its deadlines.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

#[cfg(feature = "redis")]
use super::redis;
use super::{
    builder::Builder, claim::Claim, counts::Counts, error::Error, id::Id, local::Local, remaining,
    remaining::Remaining,
};
use crate::deadline::Deadline;

/// Deadlines under ids; see the [module](super). Clones are one registry.
#[derive(Clone)]
pub struct Registry(pub(super) Store);

#[derive(Clone)]
pub(super) enum Store {
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
