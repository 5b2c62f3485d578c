//! Replaces the server: keys, and when they expire.

use std::collections::{BTreeMap, HashMap};

use sluicegate::clock::Tick;

/// The keys that a script finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store(BTreeMap<Vec<u8>, Item>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    value: Vec<u8>,
    /// By the server's clock. Redis keeps a key for up to a millisecond more.
    dies: Tick,
}

impl Store {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&[u8]> {
        self.0.get(key).map(|item| item.value.as_slice())
    }

    pub(crate) fn set(&mut self, key: &[u8], value: &[u8], dies: Tick) {
        let value = value.to_vec();
        self.0.insert(key.to_vec(), Item { value, dies });
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.0.remove(key).is_some()
    }

    /// Drops what has expired at `now`.
    pub(crate) fn expire(&mut self, now: Tick) {
        self.0.retain(|_, item| now < item.dies);
    }

    fn has_expired(&self, now: Tick) -> bool {
        self.0.values().any(|item| item.dies <= now)
    }
}

/// Stores by small numbers, so that a state of the search stays small. Number 0
/// is the empty one.
pub(crate) struct Stores {
    stores: Vec<Store>,
    numbers: HashMap<Store, u32>,
}

impl Stores {
    pub(crate) fn new() -> Self {
        let mut stores = Self {
            stores: Vec::new(),
            numbers: HashMap::new(),
        };
        stores.number(Store::default());
        stores
    }

    pub(crate) fn get(&self, number: u32) -> &Store {
        &self.stores[number as usize]
    }

    pub(crate) fn number(&mut self, store: Store) -> u32 {
        if let Some(number) = self.numbers.get(&store) {
            return *number;
        }
        let number = self.stores.len() as u32;
        self.stores.push(store.clone());
        self.numbers.insert(store, number);
        number
    }

    /// The store that is left of this one at `now`.
    pub(crate) fn expired(&mut self, number: u32, now: Tick) -> u32 {
        if !self.get(number).has_expired(now) {
            return number;
        }
        let mut store = self.get(number).clone();
        store.expire(now);
        self.number(store)
    }
}
