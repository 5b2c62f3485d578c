//! The builder of a local store.

use std::{array, sync::Arc};

use super::{
    capacity::Capacity,
    shard::RECORD_OVERHEAD_BYTES,
    store::{Local, LocalState},
};
use crate::{
    clock::{Clock, Monotonic},
    sync::Mutex,
};

/// Builds a [`Local`] store.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it is built"]
pub struct LocalBuilder<C = Monotonic> {
    /// The bytes that all records may take.
    capacity: usize,
    /// Measures leases and records.
    clock: C,
}

impl LocalBuilder {
    /// Creates a builder with the default settings.
    pub(super) fn new() -> Self {
        Self {
            capacity: 64 << 20,
            clock: Monotonic::new(),
        }
    }
}

impl<C: Clock> LocalBuilder<C> {
    /// Sets how many bytes all records may take together. The default is 64
    /// MiB. See [memory](Local#memory).
    ///
    /// # Panics
    ///
    /// If it is less than the 256 bytes of one record.
    ///
    /// ```should_panic
    /// use sluicegate::idempotency::Local;
    ///
    /// let store = Local::builder().capacity(100);
    /// ```
    #[track_caller]
    pub fn capacity(self, bytes: usize) -> Self {
        assert!(
            bytes >= RECORD_OVERHEAD_BYTES,
            "invalid capacity {bytes}: must be at least {RECORD_OVERHEAD_BYTES} bytes"
        );
        Self {
            capacity: bytes,
            ..self
        }
    }

    /// Sets the clock.
    ///
    /// ```
    /// use sluicegate::{clock::Manual, idempotency::Local};
    ///
    /// let clock = Manual::new();
    /// let store = Local::builder().clock(clock.clone()).build();
    /// ```
    pub fn clock<D: Clock>(self, clock: D) -> LocalBuilder<D> {
        let capacity = self.capacity;
        LocalBuilder { capacity, clock }
    }

    /// Builds the store.
    ///
    /// It starts no task: expired records are removed as others come.
    pub fn build(self) -> Local<C> {
        let shared = LocalState {
            shards: array::from_fn(|_| Mutex::default()),
            capacity: Capacity::of(self.capacity),
            clock: self.clock,
        };
        Local {
            shared: Arc::new(shared),
        }
    }
}
