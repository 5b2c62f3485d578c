//! The entries by which records are found when they expire. The files keep them
//! in the order of expiry.
//!
//! An entry also says how many bytes the record takes, so that the capacity can
//! be counted without reading the records.

use super::layout::number;
use crate::{
    clock::Tick,
    idempotency::{scope::Name, state::State},
};

/// The bytes that a record takes beside its own, at most, as in a local store.
pub(super) const RECORD_OVERHEAD_BYTES: u64 = 256;

/// When a record expires, and the bytes that it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExpiryEntry {
    /// Whether it may be evicted.
    pub(super) completed: bool,
    /// When it expires, in the store's own time.
    pub(super) expires: Tick,
    /// The name of the state.
    pub(super) name: Name,
    /// The bytes that it takes of the capacity.
    pub(super) bytes: u64,
}

impl ExpiryEntry {
    /// Returns the entry of a state.
    pub(super) fn of(name: Name, state: &State) -> Self {
        let record = state.record_len();
        Self {
            completed: record.is_some(),
            expires: state.expires(),
            name,
            bytes: RECORD_OVERHEAD_BYTES + record.unwrap_or(0) as u64,
        }
    }

    /// Returns the key of the entry. Keys sort by stage, then by expiry.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = key_prefix(self.completed, self.expires);
        key.extend(self.name.as_bytes());
        key
    }

    /// Reads an entry of the files; `None` if it is malformed.
    pub(super) fn read(key: &[u8], bytes: &[u8]) -> Option<Self> {
        let (&[completed], rest) = key.split_first_chunk()?;
        let (expires, name) = number(rest)?;
        let (bytes, []) = number(bytes)? else {
            return None;
        };
        Some(Self {
            completed: completed != 0,
            expires,
            name: Name(name.try_into().ok()?),
            bytes,
        })
    }
}

/// Returns the start of the keys of all entries that expire at this time.
pub(super) fn key_prefix(completed: bool, expires: Tick) -> Vec<u8> {
    let mut key = vec![u8::from(completed)];
    key.extend(expires.to_be_bytes());
    key
}
