//! Counters by name, found without a lock. The decisions of limiters are
//! counted in them.

use std::sync::OnceLock;

use ahash::RandomState;

use crate::red::{
    Labels,
    registry::{budget::Budget, insert_only::InsertOnlyTable},
};

/// The most names that are told apart.
const MAX_NAMES: usize = 256;

/// One `T` for each name.
///
/// The program chooses the names, so there are seldom more than a handful. From
/// the 257th on they share one `T`, whose name is `_overflow`.
pub(crate) struct ByName<T> {
    // Boxed, so that empty slots stay small.
    table: InsertOnlyTable<Box<Named<T>>>,
    hasher: RandomState,
    /// The room for further names.
    budget: Budget,
    /// The value of all names without room.
    overflow: OnceLock<Box<Named<T>>>,
}

/// A name and its value.
struct Named<T> {
    name: Box<str>,
    value: T,
}

impl<T: Default> ByName<T> {
    /// Returns the value of this name, which is made if there is room for it.
    #[inline]
    pub(crate) fn of(&self, name: &str) -> &T {
        let hash = self.hasher.hash_one(name);
        match self.table.find(hash, |it| *it.name == *name) {
            Some(found) => &found.value,
            None => self.add(hash, name),
        }
    }

    /// Adds the name, or returns the overflow value.
    #[cold]
    fn add(&self, hash: u64, name: &str) -> &T {
        let take_room = || self.budget.take();
        // Checked before the lock, so that a flood of new names does not queue
        // up.
        let added = match self.budget.is_spent() {
            true => None,
            false => self.table.find_or_insert(
                hash,
                |it| *it.name == *name,
                take_room,
                || Named::new(name),
            ),
        };
        let overflow = || self.overflow.get_or_init(|| Named::new(Labels::OVERFLOW));
        &added.unwrap_or_else(overflow).value
    }

    /// Returns all names and their values, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &T)> {
        let named = self.table.iter().chain(self.overflow.get());
        named.map(|named| (&*named.name, &named.value))
    }
}

impl<T: Default> Named<T> {
    fn new(name: &str) -> Box<Self> {
        let (name, value) = (name.into(), T::default());
        Box::new(Self { name, value })
    }
}

impl<T> Default for ByName<T> {
    fn default() -> Self {
        Self {
            table: InsertOnlyTable::with_capacity(MAX_NAMES),
            hasher: RandomState::new(),
            budget: Budget::of(MAX_NAMES),
            overflow: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[test]
    fn names_without_room_share_one_value() {
        let names = ByName::<AtomicU64>::default();
        for _ in 0..2 {
            for nth in 0..1_000 {
                names.of(&format!("limiter {nth}")).fetch_add(1, Relaxed);
            }
        }
        let mut counts: Vec<_> = names.all().map(|(_, count)| count.load(Relaxed)).collect();
        counts.sort_unstable();
        let mut expected = vec![2; MAX_NAMES];
        expected.push(2 * (1_000 - MAX_NAMES as u64));
        assert_eq!(counts, expected);
        assert_eq!(names.of("another").load(Relaxed), 1_488);
    }

    #[test]
    fn threads_that_add_the_same_name_add_it_once() {
        let names = ByName::<AtomicU64>::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for nth in 0..400 {
                        names.of(&format!("{}", nth % 100)).fetch_add(1, Relaxed);
                    }
                });
            }
        });
        let counts: Vec<_> = names.all().map(|(_, count)| count.load(Relaxed)).collect();
        assert_eq!(counts, [16; 100]);
    }
}
