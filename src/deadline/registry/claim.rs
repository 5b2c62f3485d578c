//! A deadline that this process holds.

use std::{fmt, sync::Arc};

use super::{holders::HolderGuard, id::Id};
use crate::deadline::Deadline;

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
    /// make it known to the work, run it in a
    /// [`scope`](crate::deadline::scope).
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// Returns the id that was claimed.
    pub fn id(&self) -> &Id {
        self.holder.id()
    }

    /// Waits until this deadline, or one that it was derived from, is
    /// cancelled, and returns the reason. It does not end when the deadline
    /// passes.
    ///
    /// It may be dropped and called again without a loss.
    pub async fn cancelled(&self) -> Arc<str> {
        let mut reason = self.holder.reason().subscribe();
        if let Ok(reason) = reason.wait_for(Option::is_some).await
            && let Some(reason) = &*reason
        {
            return Arc::clone(reason);
        }
        // Not reached, because the holder owns the sender.
        std::future::pending().await
    }

    /// Returns the reason, if a cancellation is known by now.
    pub fn why_cancelled(&self) -> Option<Arc<str>> {
        self.holder.reason().borrow().clone()
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
