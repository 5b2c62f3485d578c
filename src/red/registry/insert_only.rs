//! A hash table that only grows, so that readers need no lock. It holds the
//! series of a registry, and the counts of limiters by their names.

use std::sync::OnceLock;

use crate::sync::{Mutex, lock};

/// A hash table from which nothing is ever removed.
///
/// At least half of the slots stay empty, so that a search ends soon. The
/// caller's budget limits the number of entries. The slots are allocated for
/// the first search.
pub(crate) struct InsertOnlyTable<V> {
    slots: OnceLock<Box<[OnceLock<Occupied<V>>]>>,
    /// The most entries that the caller will insert.
    capacity: usize,
    /// Held by the thread that inserts an entry.
    inserting: Mutex<()>,
}

/// A slot that is in use.
struct Occupied<V> {
    /// Compared first: most values differ in their hash already.
    hash: u64,
    value: V,
}

impl<V> InsertOnlyTable<V> {
    /// Returns a table for at most `capacity` entries.
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            slots: OnceLock::new(),
            capacity,
            inserting: Mutex::default(),
        }
    }

    /// Returns the entry with this hash that `is_same` accepts.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_same: impl Fn(&V) -> bool) -> Option<&V> {
        self.search(hash, is_same).ok()
    }

    /// Returns the entry, or makes it if `take_room` allows one more.
    ///
    /// `take_room` and `make` run at most once, and only if the entry is new,
    /// even if several threads insert the same entry at once.
    #[cold]
    pub(crate) fn find_or_insert(
        &self,
        hash: u64,
        is_same: impl Fn(&V) -> bool,
        take_room: impl FnOnce() -> bool,
        make: impl FnOnce() -> V,
    ) -> Option<&V> {
        let _inserting = lock(&self.inserting);
        // Another thread may have inserted it since the caller searched.
        let empty = match self.search(hash, is_same) {
            Ok(found) => return Some(found),
            Err(empty) => empty,
        };
        if !take_room() {
            return None;
        }
        let value = || Occupied {
            hash,
            value: make(),
        };
        Some(&empty.get_or_init(value).value)
    }

    /// Returns all entries, in no particular order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &V> {
        let slots = self.slots.get().into_iter().flatten();
        let occupied = slots.filter_map(OnceLock::get);
        occupied.map(|occupied| &occupied.value)
    }

    /// Returns the entry, or the empty slot where it belongs.
    #[inline]
    fn search(
        &self,
        hash: u64,
        is_same: impl Fn(&V) -> bool,
    ) -> Result<&V, &OnceLock<Occupied<V>>> {
        let slots = self.slots();
        let mask = slots.len() - 1;
        let mut nth = hash as usize & mask;
        // Ends, because half of the slots are empty.
        loop {
            match slots[nth].get() {
                None => return Err(&slots[nth]),
                Some(it) if it.hash == hash && is_same(&it.value) => return Ok(&it.value),
                Some(_) => nth = (nth + 1) & mask,
            }
        }
    }

    /// Returns the slots, whose number is a power of two.
    #[inline]
    fn slots(&self) -> &[OnceLock<Occupied<V>>] {
        self.slots.get_or_init(|| {
            let slots = (self.capacity * 2).next_power_of_two();
            (0..slots).map(|_| OnceLock::new()).collect()
        })
    }
}
