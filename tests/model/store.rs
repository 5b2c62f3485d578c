//! What the server keeps: keys, and when they expire.

use std::collections::{BTreeMap, HashMap};

use sluicegate::clock::Tick;

/// The keys that a script finds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Store(BTreeMap<Vec<u8>, Item>);

/// A sorted set: the scores by the members.
pub(crate) type Sorted = BTreeMap<Vec<u8>, i64>;

/// The value of a key, by its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Value {
    Text(Vec<u8>),
    Hash(BTreeMap<Vec<u8>, Vec<u8>>),
    List(Vec<Vec<u8>>),
    Sorted(Sorted),
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Item {
    value: Value,
    /// By the server's clock; `None` for a key that stays. Redis keeps a key for up
    /// to a millisecond more.
    dies: Option<Tick>,
}

impl Value {
    /// Whether a server drops the key of such a value.
    fn is_gone(&self) -> bool {
        match self {
            Self::Text(_) => false,
            Self::Hash(hash) => hash.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Sorted(set) => set.is_empty(),
        }
    }
}

impl Store {
    pub(crate) fn get(&self, key: &[u8]) -> Option<&Value> {
        self.0.get(key).map(|item| &item.value)
    }

    /// Puts a value in place of another. The key expires when it did.
    pub(crate) fn set(&mut self, key: &[u8], value: Value) {
        if value.is_gone() {
            self.remove(key);
        } else if let Some(item) = self.0.get_mut(key) {
            item.value = value;
        } else {
            let dies = None;
            self.0.insert(key.to_vec(), Item { value, dies });
        }
    }

    /// Says when a key expires; `None` if it stays.
    pub(crate) fn expire_at(&mut self, key: &[u8], dies: Option<Tick>) {
        if let Some(item) = self.0.get_mut(key) {
            item.dies = dies;
        }
    }

    /// When a key expires; `None` if there is none, and `Some(None)` if it stays.
    pub(crate) fn dies(&self, key: &[u8]) -> Option<Option<Tick>> {
        self.0.get(key).map(|item| item.dies)
    }

    pub(crate) fn remove(&mut self, key: &[u8]) -> bool {
        self.0.remove(key).is_some()
    }

    /// Checks that each key expires.
    pub(crate) fn all_expire(&self) -> Result<(), String> {
        let mut items = self.0.iter();
        match items.find(|(_, item)| item.dies.is_none()) {
            Some((key, _)) => Err(format!("{} never expires", String::from_utf8_lossy(key))),
            None => Ok(()),
        }
    }

    /// Drops what has expired at `now`.
    pub(crate) fn expire(&mut self, now: Tick) {
        self.0
            .retain(|_, item| item.dies.is_none_or(|dies| now < dies));
    }

    fn has_expired(&self, now: Tick) -> bool {
        let mut items = self.0.values();
        items.any(|item| item.dies.is_some_and(|dies| dies <= now))
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
