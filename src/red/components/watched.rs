//! What counts by itself, and is looked at when somebody reads.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

/// What counts by itself, under its names.
pub(crate) struct Watched<T>(Mutex<BTreeMap<String, Look<T>>>);

type Look<T> = Box<dyn Fn(&str) -> T + Send + Sync>;

impl<T> Watched<T> {
    /// Looks at it from now on, instead of at what had this name.
    pub(crate) fn watch(&self, name: &str, look: impl Fn(&str) -> T + Send + Sync + 'static) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(name.into(), Box::new(look));
    }

    /// All there are, in the order of their names.
    pub(crate) fn read(&self) -> Vec<T> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(name, look)| look(name)).collect()
    }
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
