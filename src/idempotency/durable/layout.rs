//! The layout of a state in the files.
//!
//! # The layout, version 1
//!
//! A store is a database of `fjall` with three keyspaces. All numbers are big
//! endian, of eight bytes unless a table says otherwise, and all instants are
//! ticks of the store's own [time](super::time).
//!
//! In `records`, under the 32 bytes of a name:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | the version, 1 |
//! | 1 | 0: leased; 1: leased, and begun before; 2: completed |
//! | 32 | the fingerprint |
//! | 16 | the token |
//! | 8 | when the lease lapses or the record expires |
//! | 8 | if leased: how many ticks it is kept after that |
//! | 4 | if begun before: how often it was begun |
//! | the rest | if completed: the record |
//!
//! In `ends`, an entry for each state, in the order of expiry:
//!
//! | bytes of the key | content |
//! |---|---|
//! | 1 | 0: leased; 1: completed |
//! | 8 | when it expires |
//! | 32 | the name |
//!
//! The value is the number of bytes that the state takes of the capacity.
//!
//! In `about`, `version` is one byte, 1, and `last` is three numbers: the wall
//! clock and the store's own time at a write, and the number of writes up to
//! it. It is written with the first change after a save, and after the last
//! change before one. So only changes that were never saved may lack it.
//!
//! The file `seal` beside these holds the number of writes that the disk has
//! [confirmed](super::write_count).

use bytes::{BufMut, Bytes};

use crate::{
    clock::Tick,
    idempotency::{
        fingerprint::Fingerprint,
        record::RecordError,
        state::{Stage, State},
        token::Token,
    },
};

/// The version that is written here, of states and of the whole store.
pub(super) const VERSION: u8 = 1;

/// The stage of work that is leased for the first time.
const LEASED: u8 = 0;
/// The stage of work that is leased, and was begun before.
const RECOVERED: u8 = 1;
/// The stage of completed work.
const COMPLETED: u8 = 2;

/// A state without its record. Two states of one name are equal if these are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct StateHeader {
    /// Identifies the work.
    fingerprint: [u8; 32],
    /// The token of the holder.
    token: [u8; 16],
    /// One of the three stages above.
    stage: u8,
    /// When the lease lapses, or the record expires.
    until: Tick,
    /// How much longer a leased state is kept.
    keep: Option<Tick>,
    /// `Some` if it is above 1.
    attempt: Option<u32>,
}

impl StateHeader {
    /// Returns the header of a state.
    pub(super) fn of(state: &State) -> Self {
        let (stage, until, keep, attempt) = match state.stage {
            Stage::Completed { until, .. } => (COMPLETED, until, None, None),
            Stage::Leased {
                until,
                keep,
                attempt,
            } => match attempt {
                2.. => (RECOVERED, until, Some(keep), Some(attempt)),
                _ => (LEASED, until, Some(keep), None),
            },
        };
        Self {
            fingerprint: *state.fingerprint.as_bytes(),
            token: *state.token.as_bytes(),
            stage,
            until,
            keep,
            attempt,
        }
    }

    /// Appends the header to a value.
    fn write(&self, to: &mut Vec<u8>) {
        to.put_u8(VERSION);
        to.put_u8(self.stage);
        to.put_slice(&self.fingerprint);
        to.put_slice(&self.token);
        to.put_u64(self.until);
        if let Some(keep) = self.keep {
            to.put_u64(keep);
        }
        if let Some(attempt) = self.attempt {
            to.put_u32(attempt);
        }
    }
}

/// Encodes a state.
///
/// The record comes last and has no length, because the value ends with it.
pub(super) fn write(state: &State) -> Vec<u8> {
    let record: &[u8] = match &state.stage {
        Stage::Leased { .. } => &[],
        Stage::Completed { record, .. } => record,
    };
    let mut bytes = Vec::with_capacity(66 + record.len());
    StateHeader::of(state).write(&mut bytes);
    bytes.put_slice(record);
    bytes
}

/// Decodes a state.
///
/// A state of another version is an error, and is left as it is.
pub(super) fn read(bytes: &[u8]) -> Result<State, RecordError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => read_state(rest).ok_or(RecordError::Malformed),
        Some((&version, _)) => Err(RecordError::Version(version)),
        None => Err(RecordError::Malformed),
    }
}

/// Decodes a value behind its version; `None` if it is malformed.
fn read_state(bytes: &[u8]) -> Option<State> {
    let (&[stage], rest) = bytes.split_first_chunk()?;
    let (fingerprint, rest) = rest.split_first_chunk()?;
    let (token, rest) = rest.split_first_chunk()?;
    let (until, rest) = number(rest)?;
    Some(State {
        fingerprint: Fingerprint::from_bytes(*fingerprint),
        token: Token::from_bytes(*token),
        stage: read_stage(stage, until, rest)?,
    })
}

/// Decodes the part that depends on the stage.
fn read_stage(stage: u8, until: Tick, rest: &[u8]) -> Option<Stage> {
    if stage == COMPLETED {
        let record = Bytes::copy_from_slice(rest);
        return Some(Stage::Completed { until, record });
    }
    let (keep, rest) = number(rest)?;
    let attempt = match (stage, rest) {
        (LEASED, []) => 1,
        // From a version that did not count attempts.
        (RECOVERED, []) => 2,
        (RECOVERED, rest) => u32::from_be_bytes(rest.try_into().ok()?),
        _ => return None,
    };
    Some(Stage::Leased {
        until,
        keep,
        attempt,
    })
}

/// Splits off a number of eight bytes.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
#[path = "tests/layout.rs"]
mod tests;
