//! All claims in this process, and how they learn of cancellations.
//!
//! Holders are grouped by the root of their tree, because a cancellation
//! concerns everything below the cancelled deadline. Claims share ownership of
//! the list, so that they learn of cancellations also after the registry was
//! dropped.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use ahash::RandomState;

use super::id::{self, Id};
use crate::{
    deadline::{CancelCause, Cancellation},
    sync::{Mutex, lock},
};

/// The holders of deadlines in this process, by the roots of their trees.
#[derive(Default)]
pub(crate) struct Holders {
    by_root: Mutex<HashMap<Box<str>, Vec<Arc<Holder>>, RandomState>>,
    /// How many holders were told of a cancellation.
    told: AtomicU64,
    /// Ends with the last claim, which may outlive the registry.
    #[cfg(feature = "redis")]
    pub(super) listener: crate::redis::Listener,
}

/// One claim of a deadline.
struct Holder {
    id: Id,
    /// Fires for the cancellation.
    signal: Cancellation,
}

/// Keeps a holder among the others until it is dropped.
pub(crate) struct HolderGuard {
    holders: Arc<Holders>,
    holder: Arc<Holder>,
}

impl Holders {
    /// Adds a holder of this deadline.
    pub(super) fn hold(self: &Arc<Self>, id: &Id) -> HolderGuard {
        let holder = Arc::new(Holder {
            id: id.clone(),
            signal: Cancellation::remote(),
        });
        let root = id::root(id.path()).into();
        let mut by_root = lock(&self.by_root);
        by_root.entry(root).or_default().push(Arc::clone(&holder));
        HolderGuard {
            holders: Arc::clone(self),
            holder,
        }
    }

    /// Tells a cancellation to all holders of the deadline with this path, and
    /// of those derived from it. A second one changes nothing.
    pub(super) fn tell(&self, path: &str, reason: &Arc<str>) {
        let by_root = lock(&self.by_root);
        let tree = by_root.get(id::root(path)).into_iter().flatten();
        for holder in tree.filter(|holder| holder.id.chain().any(|known| known == path)) {
            // The first reason stays, because a holder may have seen it.
            let cause = CancelCause::Remote(Arc::clone(reason));
            let is_first = holder.signal.fire_for(cause);
            self.told.fetch_add(is_first.into(), Relaxed);
        }
    }

    /// Returns how many holders were told.
    pub(super) fn told(&self) -> u64 {
        self.told.load(Relaxed)
    }

    /// Returns the deadlines that are held and not known to be cancelled, tree
    /// by tree.
    #[cfg(feature = "redis")]
    pub(super) fn trees(&self) -> Vec<Vec<Id>> {
        let is_active = |holder: &&Arc<Holder>| !holder.signal.is_cancelled();
        let ids = |tree: &Vec<Arc<Holder>>| {
            let active = tree.iter().filter(is_active);
            active.map(|holder| holder.id.clone()).collect()
        };
        lock(&self.by_root).values().map(ids).collect()
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        lock(&self.by_root).values().map(Vec::len).sum()
    }
}

impl HolderGuard {
    /// Returns the id of the held deadline.
    pub(super) fn id(&self) -> &Id {
        &self.holder.id
    }

    /// Returns the signal that fires for the cancellation, and for nothing else.
    pub(super) fn signal(&self) -> &Cancellation {
        &self.holder.signal
    }

    /// Returns the reason, if the deadline is known to be cancelled.
    pub(super) fn why_cancelled(&self) -> Option<Arc<str>> {
        match self.holder.signal.cause() {
            Some(CancelCause::Remote(reason)) => Some(reason),
            _ => None,
        }
    }
}

impl Drop for HolderGuard {
    fn drop(&mut self) {
        let root = id::root(self.holder.id.path());
        let mut by_root = lock(&self.holders.by_root);
        if let Some(tree) = by_root.get_mut(root) {
            tree.retain(|holder| !Arc::ptr_eq(holder, &self.holder));
            if tree.is_empty() {
                by_root.remove(root);
            }
        }
    }
}
