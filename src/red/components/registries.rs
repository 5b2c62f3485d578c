//! What registries of deadlines did.

use crate::{
    deadline::{self, registry::Counts},
    red::Registry,
};

/// What a registry of deadlines did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RegistryCounts {
    /// The name that it was given.
    pub name: String,
    /// What it did.
    pub counts: Counts,
}

impl Registry {
    /// Shows what a [registry of deadlines](deadline::Registry) does from now on,
    /// under this name. It holds a handle of it; a later one of the name takes its
    /// place.
    pub fn deadline_registry(&self, name: &str, registry: &deadline::Registry) {
        let registry = registry.clone();
        let read = move |name: &str| RegistryCounts {
            name: name.into(),
            counts: registry.counts(),
        };
        self.components().registries.set(name, read);
    }
}
