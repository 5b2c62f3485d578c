//! By what a record is found when it is to be forgotten.

use crate::{
    clock::Tick,
    idempotency::{
        scope::Name,
        state::{Stage, State},
    },
};

use super::layout::number;

/// What a record takes beside its bytes, at most, as in a local store.
pub(super) const AROUND: u64 = 256;

/// A record's place among those that are to be forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) completed: bool,
    pub(super) end: Tick,
    pub(super) name: Name,
    pub(super) size: u64,
}

impl Mark {
    pub(super) fn of(name: Name, state: &State) -> Self {
        let record = match &state.stage {
            Stage::Leased { .. } => None,
            Stage::Completed { record, .. } => Some(record.len() as u64),
        };
        Self {
            completed: record.is_some(),
            end: state.forgotten(),
            name,
            size: AROUND + record.unwrap_or(0),
        }
    }

    /// The key that comes before all that end later.
    pub(super) fn key(&self) -> Vec<u8> {
        let mut key = start(self.completed, self.end);
        key.extend(self.name.as_bytes());
        key
    }

    pub(super) fn read(key: &[u8], size: &[u8]) -> Option<Self> {
        let (&[completed], rest) = key.split_first_chunk()?;
        let (end, name) = number(rest)?;
        let (size, []) = number(size)? else {
            return None;
        };
        Some(Self {
            completed: completed != 0,
            end,
            name: Name(name.try_into().ok()?),
            size,
        })
    }
}

/// What the keys begin with of all that end then.
pub(super) fn start(completed: bool, end: Tick) -> Vec<u8> {
    let mut key = vec![u8::from(completed)];
    key.extend(end.to_be_bytes());
    key
}
