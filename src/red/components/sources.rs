//! What counts by itself, and is looked at when somebody reads.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What counts by itself, under its names.
pub(crate) struct Sources<T>(Mutex<BTreeMap<String, ReadSource<T>>>);

type ReadSource<T> = Box<dyn Fn(&str) -> T + Send + Sync>;

impl<T> Sources<T> {
    /// Looks at it from now on, instead of at what had this name.
    pub(crate) fn set(&self, name: &str, read: impl Fn(&str) -> T + Send + Sync + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.into(), Box::new(read));
    }

    /// All there are, in the order of their names.
    pub(crate) fn read(&self) -> Vec<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, read)| read(name)).collect()
    }
}

impl<T> Default for Sources<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
