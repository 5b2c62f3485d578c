//! One value for each tokio runtime. Timers, queues and connections keep theirs
//! in it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

use tokio::runtime::Id;

use crate::sync::{Mutex, MutexGuard, lock};

/// A value for each runtime that has asked for one. A list, because a process
/// has few runtimes.
///
/// One lock guards all values. It is held for a few instructions at a time, and
/// a value of another runtime has to be reachable, because a timer may be
/// removed from any thread.
pub(crate) struct PerRuntime<T>(Mutex<Vec<(Id, T)>>);

/// A value that a [`PerRuntime`] may forget.
pub(crate) trait Idle {
    /// Returns whether nothing is lost with it. It must become true after the
    /// runtime has ended, so that runtimes leave nothing behind.
    fn is_idle(&self) -> bool;
}

impl<T: Idle + Default> PerRuntime<T> {
    /// Returns the value of this runtime, locked together with all others.
    pub(crate) fn of(&self, runtime: Id) -> Own<'_, T> {
        let mut all = lock(&self.0);
        let found = all.iter().position(|(id, _)| *id == runtime);
        let index = found.unwrap_or_else(|| {
            // A new runtime removes idle values, so that at most one more is
            // kept than is in use.
            all.retain(|(_, value)| !value.is_idle());
            all.push((runtime, T::default()));
            all.len() - 1
        });
        Own { all, index }
    }
}

impl<T> PerRuntime<T> {
    /// Locks and returns the values of all runtimes, in the order in which they
    /// were first asked for.
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<(Id, T)>> {
        lock(&self.0)
    }
}

impl<T> Default for PerRuntime<T> {
    fn default() -> Self {
        Self(Mutex::new(Vec::new()))
    }
}

impl<T> fmt::Debug for PerRuntime<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerRuntime")
            .field("runtimes", &self.all().len())
            .finish()
    }
}

/// The locked value of one runtime, by its index in the list. It holds the lock
/// of all, so it must not be kept while a value is told or dropped.
pub(crate) struct Own<'a, T> {
    all: MutexGuard<'a, Vec<(Id, T)>>,
    index: usize,
}

impl<T> Deref for Own<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.all[self.index].1
    }
}

impl<T> DerefMut for Own<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.all[self.index].1
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, Handle};

    use super::*;

    #[derive(Default)]
    struct Busy(bool);

    impl Idle for Busy {
        fn is_idle(&self) -> bool {
            !self.0
        }
    }

    #[test]
    fn each_runtime_has_its_own_and_leaves_nothing_behind() {
        let values: PerRuntime<Busy> = PerRuntime::default();
        for _ in 0..100 {
            let runtime = Builder::new_current_thread().build().expect("a runtime");
            let id = runtime.block_on(async { Handle::current().id() });
            assert!(!values.of(id).0);
            values.of(id).0 = true;
            assert!(values.of(id).0);
            assert_eq!(values.all().len(), 1);
            values.of(id).0 = false;
        }
    }
}
