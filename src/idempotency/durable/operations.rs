//! The operations of the store on its records. Each is a change of one state,
//! by the rule that all stores share.

use std::time::Duration;

use bytes::Bytes;

use super::{eviction::MAX_REMOVED_PER_CLAIM, expiry::RECORD_OVERHEAD_BYTES, records::Records};
use crate::{
    clock::Tick,
    idempotency::{
        claim::{Claim, ClaimRequest, LeaseStatus},
        fingerprint::Fingerprint,
        scope::Name,
        state::State,
        store::StoreError,
        token::Token,
    },
};

/// The largest record; the files could hold four times as much in one value.
const MAX_RECORD_BYTES: usize = 1 << 30;

impl Records {
    /// Claims work, and removes some expired records, so that they never pile
    /// up.
    pub(super) fn claim(&mut self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.remove_expired(MAX_REMOVED_PER_CLAIM)?;
        let need = |state: Option<&State>| match state {
            Some(_) => 0,
            None => RECORD_OVERHEAD_BYTES,
        };
        let urgent = self.fsync.claims();
        self.change(name, urgent, need, |state, now| {
            State::claim(state, now, &request)
        })
    }

    /// Renews a lease. It is not urgent.
    pub(super) fn renew(
        &mut self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let renew = |state: &mut _, now| State::renew(state, now, token, lease);
        self.change(name, false, |_| 0, renew)
    }

    /// Stores the record of completed work.
    pub(super) fn complete(
        &mut self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let length = record.len();
        let need = |state: Option<&State>| match state {
            Some(state) if state.is_leased_by(token) => length as u64,
            _ => 0,
        };
        self.store_record(name, length, need, |state, now| {
            State::complete(state, now, token, record, keep)
        })
    }

    /// Stores the record of completed work, also if its state was lost.
    pub(super) fn restore(
        &mut self,
        name: Name,
        by: (Fingerprint, Token),
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let length = record.len();
        let need = |state: Option<&State>| match state {
            Some(state) if state.is_leased_by(by.1) => length as u64,
            Some(_) => 0,
            None => RECORD_OVERHEAD_BYTES + length as u64,
        };
        self.store_record(name, length, need, |state, now| {
            State::restore(state, now, by, record, keep)
        })
    }

    /// Makes a change that adds a record.
    fn store_record(
        &mut self,
        name: Name,
        length: usize,
        need: impl Fn(Option<&State>) -> u64,
        change: impl FnOnce(&mut Option<State>, Tick) -> LeaseStatus,
    ) -> Result<LeaseStatus, StoreError> {
        if length > MAX_RECORD_BYTES {
            return Err(StoreError::Full);
        }
        self.change(name, self.fsync.completions(), need, change)
    }

    /// Gives up a lease. It is not urgent.
    pub(super) fn release(&mut self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        let release = |state: &mut _, now| State::release(state, now, token);
        self.change(name, false, |_| 0, release)
    }

    /// Returns whether a holder is at work under this name.
    ///
    /// A caller that waits asks this after it has registered.
    pub(super) fn is_running(&mut self, name: Name) -> Result<bool, StoreError> {
        let now = self.time.now();
        let state = self.disk.read(name)?;
        Ok(state.is_some_and(|state| state.is_running(now)))
    }
}
