//! Sources: components that count by themselves, and are read for a snapshot.

use std::collections::BTreeMap;

use crate::sync::{Mutex, lock};

/// Functions that read the counts of a component, by the names that the program
/// gave them.
pub(crate) struct Sources<T>(Mutex<BTreeMap<String, ReadSource<T>>>);

/// Reads the counts of one component.
type ReadSource<T> = Box<dyn Fn() -> T + Send + Sync>;

impl<T> Sources<T> {
    /// Sets the source of this name. It replaces an earlier one.
    pub(crate) fn set(&self, name: &str, read: impl Fn() -> T + Send + Sync + 'static) {
        lock(&self.0).insert(name.into(), Box::new(read));
    }

    /// Reads all sources, in the order of their names.
    pub(crate) fn read(&self) -> Vec<(String, T)> {
        let all = lock(&self.0);
        let read = all.iter().map(|(name, read)| (name.clone(), read()));
        read.collect()
    }
}

impl<T> Default for Sources<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
