//! The keys of a part of the traffic, numbered, up to a capacity.

use std::collections::HashMap;

use compact_str::CompactString;

/// The number of a key. Numbers of forgotten keys are used again.
pub(super) type KeyId = u32;

/// The keys with their numbers.
#[derive(Debug)]
pub(super) struct Keys {
    ids: HashMap<CompactString, KeyId, ahash::RandomState>,
    free: Vec<KeyId>,
    /// How many numbers were given out.
    len: usize,
    capacity: usize,
    /// How many keys came, where one that was forgotten counts again.
    seen: u64,
}

impl Keys {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            ids: HashMap::default(),
            free: Vec::new(),
            len: 0,
            capacity,
            seen: 0,
        }
    }

    /// Returns the number of a key, or `None` if it is new and all numbers are
    /// in use.
    #[inline]
    pub(super) fn id(&mut self, key: &CompactString) -> Option<KeyId> {
        match self.ids.get(key) {
            Some(id) => Some(*id),
            None => self.insert(key),
        }
    }

    fn insert(&mut self, key: &CompactString) -> Option<KeyId> {
        let id = match self.free.pop() {
            Some(id) => id,
            None if self.len < self.capacity => {
                self.len += 1;
                KeyId::try_from(self.len - 1).ok()?
            }
            None => return None,
        };
        self.ids.insert(key.clone(), id);
        self.seen += 1;
        Some(id)
    }

    /// Forgets the keys whose numbers are told to be idle, and returns how many
    /// they are.
    pub(super) fn forget(&mut self, mut is_idle: impl FnMut(KeyId) -> bool) -> usize {
        let before = self.free.len();
        let free = &mut self.free;
        self.ids.retain(|_, id| {
            let idle = is_idle(*id);
            if idle {
                free.push(*id);
            }
            !idle
        });
        self.free.len() - before
    }

    /// Returns how many numbers were given out.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// Returns the keys by their numbers; empty for one that is free.
    pub(super) fn into_names(self) -> Vec<CompactString> {
        let mut names = vec![CompactString::default(); self.len];
        for (key, id) in self.ids {
            names[id as usize] = key;
        }
        names
    }
}
