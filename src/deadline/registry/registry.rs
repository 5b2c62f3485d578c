//! The handle of a registry, wherever its deadlines are kept.

use std::{fmt, sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{
    builder::Builder,
    claim::Claim,
    error::Error,
    id::Id,
    local::Local,
    remaining::{Remaining, cut_reason},
};
use crate::deadline::Deadline;
#[cfg(feature = "redis")]
use {super::redis, std::sync::atomic::Ordering::Relaxed};

/// Deadlines under ids; see the [module](super). Clones are one registry.
#[derive(Clone)]
pub struct Registry(pub(super) RegistryBackend);

/// Where the deadlines are kept.
#[derive(Clone)]
pub(super) enum RegistryBackend {
    Local(Arc<Local>),
    #[cfg(feature = "redis")]
    Redis(Arc<redis::Redis>),
}

/// The counts of all clones of a [`Registry`] so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Holders that were told of a cancellation.
    pub told: u64,
    /// Answers that were computed without Redis, by this process's own clock.
    pub fell_back: u64,
    /// How often the subscription to cancellations began.
    pub subscribed: u64,
    /// Deadlines that were asked for again, because a message may have been
    /// lost.
    pub rechecked: u64,
}

impl Builder {
    /// Builds a registry in this process.
    pub fn local(self) -> Registry {
        let local = Local::new(self.capacity, self.grace);
        Registry(RegistryBackend::Local(Arc::new(local)))
    }

    /// Builds the registry of this name in Redis. All registries of the same
    /// name and the same prefix of keys are one.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(self, name: &str, connection: &crate::redis::Connection) -> Registry {
        let redis = redis::Redis::new(name, connection, self.grace, self.skew);
        Registry(RegistryBackend::Redis(Arc::new(redis)))
    }
}

impl Registry {
    /// Returns a registry in this process, for tests and for queues in memory.
    /// It goes by tokio's clock.
    pub fn local() -> Self {
        Self::builder().local()
    }

    /// Returns the registry of this name in Redis.
    #[cfg(feature = "redis")]
    #[cfg_attr(docsrs, doc(cfg(feature = "redis")))]
    pub fn redis(name: &str, connection: &crate::redis::Connection) -> Self {
        Self::builder().redis(name, connection)
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Registers a deadline this long from now, at most 30 years, under a new
    /// id of 128 random bits.
    ///
    /// # Errors
    ///
    /// [`Full`](Error::Full) in process, `Redis` in Redis.
    pub async fn register(&self, budget: Duration) -> Result<Id, Error> {
        self.register_as(Id::random(), budget).await
    }

    /// Registers a deadline under an id of the caller's own, which must not be
    /// used for another one.
    ///
    /// If the id is known already, the earlier of the two deadlines counts, so
    /// that a call whose answer was lost can be repeated.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sluicegate::deadline::registry::Error> {
    /// use std::time::Duration;
    /// use sluicegate::deadline::{Registry, registry::{Id, Remaining}};
    ///
    /// let registry = Registry::local();
    /// let id = registry.register_as(Id::named("order 17")?, Duration::from_secs(30)).await?;
    /// // A process that knows only the name finds the deadline.
    /// let left = registry.remaining(&Id::named("order 17")?).await?;
    /// assert_eq!(left, Remaining::Left(Duration::from_secs(30)));
    /// # assert_eq!(id, Id::named("order 17")?);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register). [`Expired`](Error::Expired) or
    /// [`Cancelled`](Error::Cancelled) if the id is known as that.
    /// [`Malformed`](Error::Malformed) for the id of a child, which could
    /// outlast its parent: use [`derive`](Self::derive).
    pub async fn register_as(&self, id: Id, budget: Duration) -> Result<Id, Error> {
        if id.chain().count() > 1 {
            return Err(Error::Malformed);
        }
        match &self.0 {
            RegistryBackend::Local(local) => match local.register(&id, budget)? {
                // It was registered, but it had no time at all.
                Remaining::Expired if budget.is_zero() => Ok(id),
                remaining => remaining.left().map(|_| id),
            },
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => redis.register(id, budget).await,
        }
    }

    /// Registers a deadline for a part of the work: at most `cap` from now, and
    /// never later than its parent.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register). [`Expired`](Error::Expired),
    /// [`Cancelled`](Error::Cancelled) or [`Unknown`](Error::Unknown) if the parent
    /// is that. [`TooDeep`](Error::TooDeep) for a 17th generation.
    pub async fn derive(&self, parent: &Id, cap: Duration) -> Result<Id, Error> {
        let child = parent.child()?;
        match &self.0 {
            RegistryBackend::Local(local) => local.derive(parent, &child, cap).map(|()| child),
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => redis.derive(parent, child, cap).await,
        }
    }

    /// Returns what is left, by the registry's clock.
    ///
    /// # Errors
    ///
    /// `Redis`, when it does not answer.
    pub async fn remaining(&self, id: &Id) -> Result<Remaining, Error> {
        match &self.0 {
            RegistryBackend::Local(local) => Ok(local.remaining(id)),
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => redis.remaining(id).await,
        }
    }

    /// Claims a deadline, to work under it and to learn when it is cancelled.
    ///
    /// # Errors
    ///
    /// [`Expired`](Error::Expired), [`Cancelled`](Error::Cancelled) or
    /// [`Unknown`](Error::Unknown) if it is that; `Redis`, when that does not
    /// answer.
    pub async fn claim(&self, id: &Id) -> Result<Claim, Error> {
        // Held before it is asked for, so that no cancellation is missed.
        let holder = match &self.0 {
            RegistryBackend::Local(local) => local.holders.hold(id),
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => redis.hold(id),
        };
        let asked = Instant::now();
        let left = self.remaining(id).await?.left()?;
        // The time was left at some moment after `asked`, so this instant is
        // not later than the registry's.
        let at = asked.checked_add(left);
        let deadline = at.map_or_else(|| Deadline::after(left), Deadline::at);
        let holder = Arc::new(holder);
        Ok(Claim { deadline, holder })
    }

    /// Cancels a deadline and everything derived from it. Of the reason, the
    /// first 256 bytes are kept.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sluicegate::deadline::registry::Error> {
    /// use std::time::Duration;
    /// use sluicegate::deadline::{Registry, registry::Remaining};
    ///
    /// let registry = Registry::local();
    /// let order = registry.register(Duration::from_secs(30)).await?;
    /// let shipping = registry.derive(&order, Duration::from_secs(10)).await?;
    /// let claim = registry.claim(&shipping).await?;
    ///
    /// let before = registry.cancel(&order, "withdrawn").await?;
    /// assert!(matches!(before, Remaining::Left(_)));
    /// assert_eq!(&*claim.cancelled().await, "withdrawn");
    /// # Ok(()) }
    /// ```
    ///
    /// Returns the state before: [`Left`](Remaining::Left) means that it is
    /// cancelled now, and anything else that there was nothing to cancel. The
    /// holders of an [unknown](Remaining::Unknown) one are told even so,
    /// because its record may have been lost.
    ///
    /// # Errors
    ///
    /// `Redis`, when it does not answer; the deadline may be cancelled even so.
    pub async fn cancel(&self, id: &Id, reason: &str) -> Result<Remaining, Error> {
        let reason = cut_reason(reason);
        match &self.0 {
            RegistryBackend::Local(local) => Ok(local.cancel(id, &reason)),
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => redis.cancel(id, &reason).await,
        }
    }

    /// Returns what this registry and its clones have counted so far.
    pub fn counts(&self) -> Counts {
        match &self.0 {
            RegistryBackend::Local(local) => Counts {
                told: local.holders.told(),
                ..Counts::default()
            },
            #[cfg(feature = "redis")]
            RegistryBackend::Redis(redis) => Counts {
                told: redis.holders.told(),
                fell_back: redis.fallback.count(),
                subscribed: redis.script.subscribed.load(Relaxed),
                rechecked: redis.script.rechecked.load(Relaxed),
            },
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
