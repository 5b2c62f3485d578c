//! What is kept, and what may become of it.

use std::{path::Path, time::Duration};

use bytes::Bytes;

use crate::{
    clock::Tick,
    idempotency::{
        claim::{Claim, ClaimRequest, LeaseStatus},
        fingerprint::Fingerprint,
        scope::Name,
        state::{self, State},
        store::StoreError,
        token::Token,
    },
};

use super::{
    bells::{Bell, Bells},
    builder::Settings,
    counts::DurableCounts,
    disk::Disk,
    error::OpenError,
    fsync::Fsync,
    layout::Head,
    mark::{AROUND, Mark},
    room::Room,
    seal::Seal,
    time::Time,
};

mod forget;

use self::forget::AT_ONCE;

/// What a file can keep as one value, and more than anybody wants to.
const LONGEST: usize = 1 << 30;

/// All that is kept. One thread has it, so that what it does is done in order.
pub(super) struct Book {
    disk: Disk,
    seal: Seal,
    time: Time,
    room: Room,
    fsync: Fsync,
    bells: Bells,
    unsaved: Unsaved,
}

/// What has been done since the last time that it was saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unsaved {
    Nothing,
    /// What the operating system is to have.
    Written,
    /// What the disk is to have.
    Urgent,
}

impl Book {
    pub(super) fn open(folder: &Path, settings: Settings) -> Result<Self, OpenError> {
        let disk = Disk::open(folder)?;
        let time = Time::resume(settings.clock, settings.wall, disk.stamp()?);
        let seal = Seal::open(folder, time.writes())?;
        let mut room = Room::of(settings.capacity);
        for mark in disk.marks() {
            room.take(&mark?);
        }
        Ok(Self {
            disk,
            seal,
            time,
            room,
            fsync: settings.fsync,
            bells: Bells::default(),
            unsaved: Unsaved::Nothing,
        })
    }

    pub(super) fn counts(&self) -> DurableCounts {
        self.room.counts()
    }

    pub(super) fn claim(&mut self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.forget_the_old(AT_ONCE)?;
        let need = |state: Option<&State>| match state {
            Some(_) => 0,
            None => AROUND,
        };
        let urgent = self.fsync.claims();
        self.change(name, urgent, need, |state, now| {
            state::claim(state, now, &request)
        })
    }

    pub(super) fn renew(
        &mut self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.change(
            name,
            false,
            |_| 0,
            |state, now| state::renew(state, now, token, lease),
        )
    }

    pub(super) fn complete(
        &mut self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        if record.len() > LONGEST {
            return Err(StoreError::Full);
        }
        let length = record.len() as u64;
        let need = |state: Option<&State>| match state {
            Some(state) if state.is_leased_by(token) => length,
            _ => 0,
        };
        let urgent = self.fsync.completions();
        self.change(name, urgent, need, |state, now| {
            state::complete(state, now, token, record, keep)
        })
    }

    pub(super) fn restore(
        &mut self,
        name: Name,
        by: (Fingerprint, Token),
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        if record.len() > LONGEST {
            return Err(StoreError::Full);
        }
        let length = record.len() as u64;
        let need = |state: Option<&State>| match state {
            Some(state) if state.is_leased_by(by.1) => length,
            Some(_) => 0,
            None => AROUND + length,
        };
        let urgent = self.fsync.completions();
        self.change(name, urgent, need, |state, now| {
            state::restore(state, now, by, record, keep)
        })
    }

    pub(super) fn release(&mut self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        self.change(
            name,
            false,
            |_| 0,
            |state, now| state::release(state, now, token),
        )
    }

    /// Rings when nobody runs it any more: at once if nobody does.
    pub(super) fn watch(&mut self, name: Name, bell: Bell) -> Result<(), StoreError> {
        let now = self.time.now();
        let state = self.disk.read(name)?;
        if state.is_some_and(|state| state.is_running(now)) {
            self.bells.hang(name, bell);
        }
        Ok(())
    }

    /// Changes what is under a name when there is room for what that needs at most.
    fn change<T>(
        &mut self,
        name: Name,
        urgent: bool,
        need: impl Fn(Option<&State>) -> u64,
        change: impl FnOnce(&mut Option<State>, Tick) -> T,
    ) -> Result<T, StoreError> {
        let before = self.make_room(name, need)?;
        let mut state = before.clone();
        let now = self.time.now();
        let answer = change(&mut state, now);
        if before.as_ref().map(Head::of) != state.as_ref().map(Head::of) {
            self.replace(name, before.as_ref(), state.as_ref(), urgent)?;
        }
        if !state.is_some_and(|state| state.is_running(now)) {
            self.bells.pull(name);
        }
        Ok(answer)
    }

    fn replace(
        &mut self,
        name: Name,
        before: Option<&State>,
        after: Option<&State>,
        urgent: bool,
    ) -> Result<(), StoreError> {
        let mark = |state| Mark::of(name, state);
        let (before, after) = (before.map(mark), after.map(|state| (mark(state), state)));
        self.wrote(urgent);
        let put = after.as_ref().map(|(mark, state)| (mark, *state));
        self.disk.replace(before.as_ref(), put, self.time.stamp())?;
        if let Some(mark) = before {
            self.room.give(&mark);
        }
        if let Some((mark, _)) = after {
            self.room.take(&mark);
        }
        Ok(())
    }

    fn wrote(&mut self, urgent: bool) {
        let wrote = match urgent {
            true => Unsaved::Urgent,
            false => Unsaved::Written,
        };
        self.unsaved = self.unsaved.max(wrote);
    }

    /// Whether all that was done may be told of.
    pub(super) fn is_saved(&self) -> bool {
        self.unsaved == Unsaved::Nothing
    }

    /// Saves what was done since the last time.
    pub(super) fn save(&mut self) -> Result<(), StoreError> {
        match self.unsaved {
            Unsaved::Nothing => return Ok(()),
            Unsaved::Written => self.disk.save(false)?,
            Unsaved::Urgent => self.save_for_good()?,
        }
        self.unsaved = Unsaved::Nothing;
        Ok(())
    }

    fn save_for_good(&mut self) -> Result<(), StoreError> {
        self.disk.save(true)?;
        let sealed = self.seal.write(self.time.writes());
        sealed.map_err(StoreError::away)
    }

    /// Tells those who wait of what was saved.
    pub(super) fn ring(&mut self) {
        self.bells.ring();
    }

    /// Writes down when it was closed.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        self.time.now();
        self.disk.replace(None, None, self.time.stamp())?;
        self.save_for_good()
    }
}

#[cfg(test)]
mod tests;
