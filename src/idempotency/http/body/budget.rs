//! The memory for bodies: how many bytes of request and response bodies a layer
//! and its clones hold at once.
//!
//! Without it, many clients that send large bodies, or that do not read, could
//! use up the memory of the process. Each body has a [`BudgetShare`], which
//! gives back what it took when it is dropped. The counter only bounds memory,
//! so relaxed ordering is enough.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// The memory of a layer for bodies. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct BodyBudget(Arc<Usage>);

#[derive(Debug)]
struct Usage {
    /// How many bytes there are.
    limit: usize,
    /// How many of them are taken. May be above the limit, by overdrafts.
    taken: AtomicUsize,
}

impl BodyBudget {
    /// Creates a budget of this many bytes.
    pub(crate) fn new(limit: usize) -> Self {
        let taken = AtomicUsize::new(0);
        Self(Arc::new(Usage { limit, taken }))
    }

    /// Returns how many bytes all bodies may take together.
    pub(crate) fn limit(&self) -> usize {
        self.0.limit
    }

    /// Returns an empty share.
    pub(crate) fn share(&self) -> BudgetShare {
        BudgetShare {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

/// The bytes that one body takes of a budget. They are given back when it is
/// dropped.
#[derive(Debug)]
pub(crate) struct BudgetShare {
    /// Where the bytes are given back.
    budget: BodyBudget,
    /// How many bytes it has taken.
    pub(super) bytes: usize,
}

impl BudgetShare {
    /// Takes this many bytes more. Returns whether they were there; if not, it
    /// takes none.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let Usage { limit, taken } = &*self.budget.0;
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| taken <= limit);
        // Zero bytes fit into an overdrawn budget too.
        let is_there = bytes == 0 || taken.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if is_there {
            self.bytes += bytes;
        }
        is_there
    }

    /// Grows to this many bytes in total. Returns whether they were there.
    pub(super) fn grow_to(&mut self, bytes: usize) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// Takes this many bytes more, even above the limit.
    pub(super) fn overdraw(&mut self, bytes: usize) {
        self.budget.0.taken.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
    }

    /// Gives all bytes back.
    pub(super) fn give_back(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Relaxed);
        self.bytes = 0;
    }
}

impl Drop for BudgetShare {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_unless_it_is_asked_for() {
        let budget = BodyBudget::new(10);
        let (mut one, mut other) = (budget.share(), budget.clone().share());
        assert!(one.grow(6) && other.grow(4));
        assert!(!one.grow(1) && other.grow(0));
        assert!(!one.grow(usize::MAX), "nor does it overflow");
        drop(other);
        assert!(one.grow(4));
        let mut more = budget.share();
        more.overdraw(3);
        one.give_back();
        assert!(one.grow(7) && !one.grow(1));
    }
}
