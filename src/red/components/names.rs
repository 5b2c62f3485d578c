//! A few things that have names, found without a lock.

use std::sync::{Mutex, OnceLock, PoisonError};

use ahash::RandomState;

use crate::red::{labels::OVERFLOW, registry::budget::Budget};

/// How many names there are at most.
const NAMES: usize = 256;

/// One of each name: a hash table that nothing is ever taken out of, as the one of
/// [series](crate::red::registry::table) is. ByName are the program's own, so that there is
/// seldom more than a handful; what comes after 256 of them is one together.
pub(crate) struct ByName<T> {
    /// Twice as many as there may be names.
    slots: Box<[OnceLock<Box<Named<T>>>]>,
    hasher: RandomState,
    budget: Budget,
    /// Held by whoever adds one.
    adding: Mutex<()>,
    overflow: OnceLock<Box<Named<T>>>,
}

struct Named<T> {
    name: Box<str>,
    value: T,
}

impl<T: Default> ByName<T> {
    /// The one of this name, made if there is room for it.
    #[inline]
    pub(crate) fn of(&self, name: &str) -> &T {
        match self.find(name) {
            Ok(found) => found,
            Err(_) => self.add(name),
        }
    }

    /// It, or the empty slot where it would be.
    #[inline]
    fn find(&self, name: &str) -> Result<&T, &OnceLock<Box<Named<T>>>> {
        let mut nth = self.hasher.hash_one(name) as usize;
        loop {
            let slot = &self.slots[nth % self.slots.len()];
            match slot.get() {
                Some(named) if *named.name == *name => return Ok(&named.value),
                Some(_) => nth = nth.wrapping_add(1),
                None => return Err(slot),
            }
        }
    }

    #[cold]
    fn add(&self, name: &str) -> &T {
        if self.budget.is_spent() {
            return self.overflow();
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        match self.find(name) {
            Ok(found) => found,
            Err(slot) if self.budget.take() => &slot.get_or_init(|| Named::new(name)).value,
            Err(_) => self.overflow(),
        }
    }

    fn overflow(&self) -> &T {
        &self.overflow.get_or_init(|| Named::new(OVERFLOW)).value
    }

    /// All there are, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&str, &T)> {
        let slots = self.slots.iter().chain([&self.overflow]);
        let named = slots.filter_map(OnceLock::get);
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
            slots: (0..2 * NAMES).map(|_| OnceLock::new()).collect(),
            hasher: RandomState::new(),
            budget: Budget::of(NAMES),
            adding: Mutex::default(),
            overflow: OnceLock::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[test]
    fn what_has_no_room_is_one_together() {
        let names = ByName::<AtomicU64>::default();
        for _ in 0..2 {
            for nth in 0..1_000 {
                names.of(&format!("limiter {nth}")).fetch_add(1, Relaxed);
            }
        }
        let mut counts: Vec<_> = names.all().map(|(_, count)| count.load(Relaxed)).collect();
        counts.sort_unstable();
        let mut expected = vec![2; NAMES];
        expected.push(2 * (1_000 - NAMES as u64));
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
