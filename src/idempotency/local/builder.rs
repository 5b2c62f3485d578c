//! How a local store is configured.

use std::{array, sync::Arc};

use super::{
    room::Room,
    shard::AROUND,
    store::{Local, Shared},
};
use crate::{
    clock::{Clock, Monotonic},
    sync::Mutex,
};

/// A [`Local`] store that is still to be configured.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct LocalBuilder<C = Monotonic> {
    capacity: usize,
    clock: C,
}

impl LocalBuilder {
    pub(super) fn new() -> Self {
        Self {
            capacity: 64 << 20,
            clock: Monotonic::new(),
        }
    }
}

impl<C: Clock> LocalBuilder<C> {
    /// How many bytes all records may take together: 64 MiB unless it is set. See
    /// [memory](Local#memory).
    ///
    /// # Panics
    ///
    /// When that is less than one record takes, 256.
    #[track_caller]
    pub fn capacity(self, bytes: usize) -> Self {
        assert!(
            bytes >= AROUND,
            "invalid capacity {bytes}: must be at least {AROUND} bytes"
        );
        Self {
            capacity: bytes,
            ..self
        }
    }

    /// The clock to go by.
    pub fn clock<D: Clock>(self, clock: D) -> LocalBuilder<D> {
        let capacity = self.capacity;
        LocalBuilder { capacity, clock }
    }

    /// The store.
    pub fn build(self) -> Local<C> {
        let shared = Shared {
            shards: array::from_fn(|_| Mutex::default()),
            room: Room::of(self.capacity),
            clock: self.clock,
        };
        Local {
            shared: Arc::new(shared),
        }
    }
}
