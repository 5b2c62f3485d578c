//! How a state is written to disk.
//!
//! # The layout, version 1
//!
//! A store is a database of `fjall` with three keyspaces. All numbers are eight
//! bytes, big endian, and all instants are ticks of the store's own
//! [time](super::time).
//!
//! In `records`, under the 32 bytes of a name:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | the version, 1 |
//! | 1 | 0: leased; 1: leased, and another had begun it before; 2: completed |
//! | 32 | the fingerprint |
//! | 16 | the token |
//! | 8 | until when it is leased or kept |
//! | 8 | if it is leased: for how long it is remembered after that |
//! | 4 | if another had begun it before: how often it was begun |
//! | the rest | if it is completed: the record |
//!
//! In `ends`, for each of these:
//!
//! | bytes of the key | what |
//! |---|---|
//! | 1 | 0: leased; 1: completed |
//! | 8 | when it is forgotten |
//! | 32 | the name |
//!
//! and as the value how many bytes it takes of the capacity, one number.
//!
//! In `about`, under `version` one byte, 1, and under `last` three numbers: what the
//! wall clock and the store's own time were when something was written last, and
//! how many times that had been done.
//!
//! Beside these, in the file `seal`, is one number: of how many writes the disk has
//! [confirmed](super::seal) that it has them.

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

pub(super) const VERSION: u8 = 1;

const LEASED: u8 = 0;
const RECOVERED: u8 = 1;
const COMPLETED: u8 = 2;

/// All of a state but the record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    fingerprint: [u8; 32],
    token: [u8; 16],
    stage: u8,
    until: Tick,
    keep: Option<Tick>,
    /// If that is more than once.
    attempt: Option<u32>,
}

impl Head {
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

/// The state as bytes.
pub(super) fn write(state: &State) -> Vec<u8> {
    let record: &[u8] = match &state.stage {
        Stage::Leased { .. } => &[],
        Stage::Completed { record, .. } => record,
    };
    let mut bytes = Vec::with_capacity(66 + record.len());
    Head::of(state).write(&mut bytes);
    bytes.put_slice(record);
    bytes
}

/// Reads what was written.
pub(super) fn read(bytes: &[u8]) -> Result<State, RecordError> {
    match bytes.split_first() {
        Some((&VERSION, rest)) => read_state(rest).ok_or(RecordError::Malformed),
        Some((&version, _)) => Err(RecordError::Version(version)),
        None => Err(RecordError::Malformed),
    }
}

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

fn read_stage(stage: u8, until: Tick, rest: &[u8]) -> Option<Stage> {
    if stage == COMPLETED {
        let record = Bytes::copy_from_slice(rest);
        return Some(Stage::Completed { until, record });
    }
    let (keep, rest) = number(rest)?;
    let attempt = match (stage, rest) {
        (LEASED, []) => 1,
        // Written before attempts were counted.
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

/// One of the eight-byte numbers, and what comes after it.
pub(super) fn number(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests;
