//! The script's own books: the sums of its ledger, and its set of holds.

use std::collections::BTreeMap;

use crate::store::{Store, Value};

/// The key of the only bucket.
pub(crate) const KEY: &[u8] = b"held";

/// What a call has added to the ledger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    pub(crate) charged: i64,
    pub(crate) settled: i64,
    pub(crate) given_back: i64,
    pub(crate) lapsed: i64,
    pub(crate) untracked: i64,
}

impl Notes {
    /// Takes the ledger out of a store.
    pub(crate) fn take(store: &mut Store) -> Self {
        let key = [KEY, b"l"].concat();
        let sums = match store.get(&key) {
            Some(Value::Hash(sums)) => sums.clone(),
            _ => BTreeMap::new(),
        };
        store.remove(&key);
        let sum = |what: &str| {
            let sum = sums.get(what.as_bytes());
            sum.map_or(0, |it| String::from_utf8_lossy(it).parse().unwrap())
        };
        Self {
            charged: sum("charged"),
            settled: sum("settled"),
            given_back: sum("given back"),
            lapsed: sum("lapsed"),
            untracked: sum("untracked"),
        }
    }

    /// What should have been added to the open holds.
    pub(crate) fn opened(&self) -> i64 {
        self.charged - self.settled - self.given_back - self.lapsed - self.untracked
    }
}

/// The sum of the costs in the set of holds.
pub(crate) fn open(store: &Store) -> i64 {
    let Some(Value::Sorted(set)) = store.get(&[KEY, b"h"].concat()) else {
        return 0;
    };
    let cost = |member: &Vec<u8>| {
        let text = String::from_utf8_lossy(member);
        text.split_once(' ')
            .map_or(0, |(cost, _)| cost.parse().unwrap())
    };
    set.keys().map(cost).sum()
}

/// Drops what was given back: only open holds ask for that. There must be none.
pub(crate) fn close(store: &mut Store) -> Result<(), String> {
    if has_set(store) {
        return Err("a hold that no holder knows".into());
    }
    store.remove(&[KEY, b"g"].concat());
    Ok(())
}

pub(crate) fn has_set(store: &Store) -> bool {
    store.get(&[KEY, b"h"].concat()).is_some()
}

pub(crate) fn has_bucket(store: &Store) -> bool {
    store.get(KEY).is_some()
}
