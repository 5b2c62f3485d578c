//! Some of the records, under one lock.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::sync::Notify;

use crate::{
    clock::Tick,
    idempotency::{
        scope::Name,
        state::{Stage, State},
        token::Token,
    },
};

/// What a record takes beside its bytes, at most.
pub(super) const AROUND: usize = 256;

/// 128 bits of a name: as good as all of them, and half as large.
pub(super) type Short = [u8; 16];

/// Trees, for they give back what they no longer need, and do not have to be
/// copied as they grow.
#[derive(Debug, Default)]
pub(super) struct Shard {
    slots: BTreeMap<Short, Box<Slot>>,
    /// Which leases do not lapse, and how long they are. Each is leased.
    pub(super) pinned: BTreeMap<Short, Tick>,
    /// What is forgotten when, of what is leased.
    leased: BTreeSet<(Tick, Short)>,
    /// What is forgotten when, of what is completed.
    completed: BTreeSet<(Tick, Short)>,
    bytes: usize,
    completed_bytes: usize,
}

#[derive(Debug, Default)]
struct Slot {
    state: Option<State>,
    /// Rung when nobody runs it any more; only there if somebody waits for that.
    bell: Option<Arc<Notify>>,
}

/// How a slot is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    completed: bool,
    end: Tick,
    size: usize,
}

impl Shard {
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn completed_bytes(&self) -> usize {
        self.completed_bytes
    }

    /// How much room a claim takes.
    pub(super) fn need_to_claim(&self, name: Name) -> usize {
        match self.state(name) {
            Some(_) => 0,
            None => AROUND,
        }
    }

    /// How much room a record of this length takes, if it is this token's to
    /// complete.
    pub(super) fn need_to_complete(&self, name: Name, token: Token, length: usize) -> usize {
        match self.state(name) {
            Some(state) if state.is_leased_by(token) => length,
            _ => 0,
        }
    }

    /// How much room a record of this length takes, if it is this token's to complete
    /// or there is none.
    pub(super) fn need_to_restore(&self, name: Name, token: Token, length: usize) -> usize {
        match self.state(name) {
            Some(_) => self.need_to_complete(name, token, length),
            None => AROUND + length,
        }
    }

    /// What is rung when nobody runs it any more, if somebody does.
    pub(super) fn bell(&mut self, name: Name, now: Tick) -> Option<Arc<Notify>> {
        let slot = self.slots.get_mut(&short(name))?;
        let bell = slot.is_running(now).then_some(&mut slot.bell)?;
        Some(Arc::clone(bell.get_or_insert_default()))
    }

    /// Changes what is under a name.
    pub(super) fn change<T>(
        &mut self,
        name: Name,
        now: Tick,
        change: impl FnOnce(&mut Option<State>) -> T,
    ) -> T {
        let name = short(name);
        let slot = self.slots.entry(name).or_default();
        let before = slot.mark();
        let answer = change(&mut slot.state);
        if !slot.is_running(now) {
            slot.ring();
        }
        let after = slot.mark();
        if after.is_none_or(|mark| mark.completed) {
            self.pinned.remove(&name);
        }
        if after.is_none() {
            self.slots.remove(&name);
        }
        if before != after {
            self.count_out(name, before);
            self.count_in(name, after);
        }
        answer
    }

    /// Changes a state that is there and stays.
    pub(super) fn update(&mut self, name: Short, change: impl FnOnce(&mut Option<State>)) {
        let Some(slot) = self.slots.get_mut(&name) else {
            return;
        };
        let before = slot.mark();
        change(&mut slot.state);
        let after = slot.mark();
        self.count_out(name, before);
        self.count_in(name, after);
    }

    /// Forgets what has expired; answers how much that took.
    pub(super) fn forget_the_old(&mut self, now: Tick) -> usize {
        let before = self.bytes;
        for completed in [false, true] {
            while let Some((end, name)) = self.ends(completed).first().copied()
                && end <= now
            {
                if completed || !self.renew_pinned(name, now) {
                    self.forget(name);
                }
            }
        }
        before - self.bytes
    }

    /// When the first of what is completed expires.
    pub(super) fn first_to_end(&self) -> Option<Tick> {
        self.completed.first().map(|(end, _)| *end)
    }

    /// Forgets that; answers how much it took.
    pub(super) fn forget_first_to_end(&mut self) -> Option<usize> {
        let before = self.bytes;
        let (_, name) = *self.completed.first()?;
        self.forget(name);
        Some(before - self.bytes)
    }

    pub(super) fn state(&self, name: Name) -> Option<&State> {
        self.slots.get(&short(name))?.state.as_ref()
    }

    fn forget(&mut self, name: Short) {
        if let Some(mut slot) = self.slots.remove(&name) {
            self.count_out(name, slot.mark());
            slot.ring();
        }
    }

    fn ends(&mut self, completed: bool) -> &mut BTreeSet<(Tick, Short)> {
        match completed {
            true => &mut self.completed,
            false => &mut self.leased,
        }
    }

    fn count_out(&mut self, name: Short, mark: Option<Mark>) {
        let Some(mark) = mark else { return };
        self.ends(mark.completed).remove(&(mark.end, name));
        self.bytes -= mark.size;
        self.completed_bytes -= mark.size * usize::from(mark.completed);
    }

    fn count_in(&mut self, name: Short, mark: Option<Mark>) {
        let Some(mark) = mark else { return };
        self.ends(mark.completed).insert((mark.end, name));
        self.bytes += mark.size;
        self.completed_bytes += mark.size * usize::from(mark.completed);
    }
}

impl Slot {
    fn mark(&self) -> Option<Mark> {
        let state = self.state.as_ref()?;
        let record = match &state.stage {
            Stage::Leased { .. } => None,
            Stage::Completed { record, .. } => Some(record.len()),
        };
        Some(Mark {
            completed: record.is_some(),
            end: state.forgotten(),
            size: AROUND + record.unwrap_or(0),
        })
    }

    fn is_running(&self, now: Tick) -> bool {
        let state = self.state.as_ref();
        state.is_some_and(|state| state.is_running(now))
    }

    fn ring(&mut self) {
        if let Some(bell) = self.bell.take() {
            bell.notify_waiters();
        }
    }
}

pub(super) fn short(name: Name) -> Short {
    let mut short = Short::default();
    short.copy_from_slice(&name.as_bytes()[..16]);
    short
}
