//! How many bytes of bodies a layer holds at once.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

/// How many bytes of bodies a layer may hold at once. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct Budget(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: usize,
    taken: AtomicUsize,
}

impl Budget {
    pub(crate) fn of(most: usize) -> Self {
        let taken = AtomicUsize::new(0);
        Self(Arc::new(Shared { most, taken }))
    }

    /// How many bytes all bodies may take together.
    pub(crate) fn most(&self) -> usize {
        self.0.most
    }

    /// A part of it, which is empty.
    pub(crate) fn share(&self) -> Share {
        Share {
            budget: self.clone(),
            bytes: 0,
        }
    }
}

/// A part of a budget, which is given back when this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Share {
    /// Takes so many bytes more, if they are there.
    pub(crate) fn grow(&mut self, bytes: usize) -> bool {
        let Shared { most, taken } = &*self.budget.0;
        let fits = |taken: usize| taken.checked_add(bytes).filter(|taken| taken <= most);
        let is_there = bytes == 0 || taken.fetch_update(Relaxed, Relaxed, fits).is_ok();
        if is_there {
            self.bytes += bytes;
        }
        is_there
    }

    /// How many bytes it is.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes what is missing to so many bytes, if that is there.
    pub(crate) fn grow_to(&mut self, bytes: usize) -> bool {
        self.grow(bytes.saturating_sub(self.bytes))
    }

    /// Takes so many bytes more, whether they are there or not.
    pub(crate) fn overdraw(&mut self, bytes: usize) {
        self.budget.0.taken.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
    }

    /// Gives all of it back.
    pub(crate) fn give_back(&mut self) {
        self.budget.0.taken.fetch_sub(self.bytes, Relaxed);
        self.bytes = 0;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.give_back();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_never_overdrawn_unless_it_is_asked_for() {
        let budget = Budget::of(10);
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
