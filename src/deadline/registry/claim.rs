//! Who holds a deadline here, and hears of its cancellation.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ahash::RandomState;
use tokio::sync::watch;

use super::id::{self, Id};
use crate::deadline::Deadline;
use crate::sync::{Mutex, lock};

/// A deadline that was claimed by its id. Dropped with its last clone, it no
/// longer listens.
#[derive(Clone)]
pub struct Claim {
    pub(super) deadline: Deadline,
    pub(super) hold: Arc<Hold>,
}

impl Claim {
    /// Until when: never later than the registry's own clock says. To know of it
    /// everywhere, run the work in its [`scope`](crate::deadline::scope).
    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    /// What was claimed.
    pub fn id(&self) -> &Id {
        &self.hold.holder.id
    }

    /// Ends when this deadline, or one that it was derived from, is cancelled,
    /// with the reason. It does not end when the deadline passes.
    ///
    /// Dropped, it loses nothing: it may be called again.
    pub async fn cancelled(&self) -> Arc<str> {
        let mut why = self.hold.holder.why.subscribe();
        if let Ok(why) = why.wait_for(Option::is_some).await
            && let Some(why) = &*why
        {
            return Arc::clone(why);
        }
        // Not reached: the sender is in the hold.
        std::future::pending().await
    }

    /// The reason, if it has been heard by now.
    pub fn why_cancelled(&self) -> Option<Arc<str>> {
        self.hold.holder.why.borrow().clone()
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

/// All who hold a deadline in this process, by the roots of their trees.
#[derive(Default)]
pub(super) struct Holders {
    held: Mutex<HashMap<Box<str>, Vec<Arc<Holder>>, RandomState>>,
    told: AtomicU64,
    #[cfg(feature = "redis")]
    pub(super) listener: crate::redis::Listener,
}

struct Holder {
    id: Id,
    why: watch::Sender<Option<Arc<str>>>,
}

/// One holder's place among the others.
pub(super) struct Hold {
    holders: Arc<Holders>,
    holder: Arc<Holder>,
}

impl Holders {
    pub(super) fn hold(self: &Arc<Self>, id: &Id) -> Hold {
        let holder = Arc::new(Holder {
            id: id.clone(),
            why: watch::Sender::new(None),
        });
        let root = id::root(id.path()).into();
        let mut held = lock(&self.held);
        held.entry(root).or_default().push(Arc::clone(&holder));
        Hold {
            holders: Arc::clone(self),
            holder,
        }
    }

    /// Tells all who hold what has this path, or was derived from it.
    pub(super) fn tell(&self, path: &str, why: &Arc<str>) {
        let held = lock(&self.held);
        let tree = held.get(id::root(path)).into_iter().flatten();
        for holder in tree.filter(|holder| holder.id.chain().any(|known| known == path)) {
            let first = holder.why.send_if_modified(|said| {
                let first = said.is_none();
                said.get_or_insert_with(|| Arc::clone(why));
                first
            });
            self.told.fetch_add(first.into(), Relaxed);
        }
    }

    /// How many were told.
    pub(super) fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// What is held and not known to be cancelled, tree by tree.
    #[cfg(feature = "redis")]
    pub(super) fn trees(&self) -> Vec<Vec<Id>> {
        let going_on = |holder: &&Arc<Holder>| holder.why.borrow().is_none();
        let ids = |tree: &Vec<Arc<Holder>>| {
            let going_on = tree.iter().filter(going_on);
            going_on.map(|holder| holder.id.clone()).collect()
        };
        lock(&self.held).values().map(ids).collect()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.held).values().map(Vec::len).sum()
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let root = id::root(self.holder.id.path());
        let mut held = lock(&self.holders.held);
        if let Some(tree) = held.get_mut(root) {
            tree.retain(|holder| !Arc::ptr_eq(holder, &self.holder));
            if tree.is_empty() {
                held.remove(root);
            }
        }
    }
}
