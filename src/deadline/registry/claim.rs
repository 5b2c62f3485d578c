//! A deadline that this process holds.

use std::{fmt, future::Future, sync::Arc};

use super::{holders::HolderGuard, id::Id};
use crate::deadline::{Cancellation, Deadline, Scope, current::scope_claimed};

/// A deadline that was claimed by its id. When its last clone is dropped, it no
/// longer listens for a cancellation.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sluicegate::deadline::registry::Error> {
/// use std::time::Duration;
/// use sluicegate::deadline::Registry;
///
/// let registry = Registry::local();
/// let id = registry.register(Duration::from_secs(30)).await?;
/// let claim = registry.claim(&id).await?;
/// assert_eq!(claim.deadline().remaining(), Duration::from_secs(30));
/// assert_eq!(claim.why_cancelled(), None);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Claim {
    pub(super) deadline: Deadline,
    pub(super) holder: Arc<HolderGuard>,
}

impl Claim {
    /// Returns the deadline, which is never later than the registry's own. To
    /// make it known to the work, run it in a [`scope`](Self::scope).
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Returns the id that was claimed.
    pub fn id(&self) -> &Id {
        self.holder.id()
    }

    /// Returns the signal of the work under this claim. It fires at the
    /// deadline, when that is [cancelled](super::Registry::cancel), as
    /// [`Remote`](crate::deadline::CancelCause::Remote) with the reason, and when
    /// the process [drains](crate::drain), if this is called from work under a
    /// [`DrainGuard`](crate::drain::DrainGuard) or in a request.
    pub fn cancellation(&self) -> Cancellation {
        Cancellation::new(Some(self.deadline), Some(self.holder.signal().clone()))
    }

    /// Runs `work` under this claim: its deadline is the
    /// [current](crate::deadline::current) one, and
    /// [`cancellation`](crate::deadline::cancellation) fires also when it is
    /// cancelled. As with [`scope`](crate::deadline::scope), neither stops the
    /// work.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), sluicegate::deadline::registry::Error> {
    /// use std::time::Duration;
    /// use sluicegate::deadline::{self, CancelCause, Registry};
    ///
    /// let registry = Registry::local();
    /// let id = registry.register(Duration::from_secs(30)).await?;
    /// let claim = registry.claim(&id).await?;
    /// claim.scope(async {
    ///     let stop = deadline::cancellation();
    ///     registry.cancel(&id, "withdrawn").await?;
    ///     stop.cancelled().await;
    ///     assert_eq!(stop.cause(), Some(CancelCause::Remote("withdrawn".into())));
    ///     Ok(())
    /// })
    /// .await
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, work: F) -> Scope<F> {
        scope_claimed(self.deadline, self.holder.signal().clone(), work)
    }

    /// Waits until this deadline, or one that it was derived from, is
    /// cancelled, and returns the reason. It does not end when the deadline
    /// passes.
    ///
    /// It may be dropped and called again without a loss.
    pub async fn cancelled(&self) -> Arc<str> {
        self.holder.signal().cancelled().await;
        match self.why_cancelled() {
            Some(reason) => reason,
            // Not reached, because only a cancellation fires the signal.
            None => std::future::pending().await,
        }
    }

    /// Returns the reason, if a cancellation is known by now.
    pub fn why_cancelled(&self) -> Option<Arc<str>> {
        self.holder.why_cancelled()
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim")
            .field("id", self.id())
            .field("deadline", &self.deadline)
            .field("cancelled", &self.why_cancelled())
            .finish()
    }
}
