//! All records of a store, with their files, expiry and waiting callers. Only
//! the writer's thread has them, so all changes have one order.

use std::{path::Path, sync::Arc};

use super::{
    capacity::Capacity,
    disk::Disk,
    error::OpenError,
    expiry::ExpiryEntry,
    layout::StateHeader,
    settings::{DurableSettings, Fsync},
    time::StoreTime,
    write_count::WriteCount,
};
use crate::{
    clock::Tick,
    idempotency::{
        scope::Name,
        state::State,
        store::{StoreCounts, StoreError},
        waiters::Waiters,
    },
};

/// The open store.
pub(super) struct Records {
    /// The files.
    pub(super) disk: Disk,
    /// The number of confirmed writes, in a file of its own.
    write_count: WriteCount,
    /// The store's own time.
    pub(super) time: StoreTime,
    /// The bytes that the records take, and may take.
    pub(super) capacity: Capacity,
    /// Which changes are urgent.
    pub(super) fsync: Fsync,
    /// The callers that wait for work, shared with the handles.
    waiters: Arc<Waiters<Name>>,
    /// The work that has ended since waiting callers were notified last.
    pub(super) ended: Vec<Name>,
    /// The most urgent change since the last save.
    unsaved: Unsaved,
    /// Whether a change since the last save has no stamp yet.
    unstamped: bool,
    /// The first write that failed. The files refuse all later ones, and do not
    /// say why.
    failed: Option<StoreError>,
}

/// How far the changes since the last save have to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unsaved {
    Nothing,
    /// They have to reach the operating system.
    Written,
    /// They have to reach the disk.
    Urgent,
}

impl Records {
    /// Opens the files, and counts what they hold.
    ///
    /// It reads an entry of 49 bytes for each state, and no record.
    pub(super) fn open(
        folder: &Path,
        settings: DurableSettings,
        waiters: Arc<Waiters<Name>>,
    ) -> Result<Self, OpenError> {
        let disk = Disk::open(folder)?;
        let time = StoreTime::resume(settings.clock, settings.wall, disk.stamp()?);
        let write_count = WriteCount::open(folder, time.writes())?;
        let mut capacity = Capacity::of(settings.capacity);
        for entry in disk.expiries() {
            capacity.take(&entry?);
        }
        Ok(Self {
            disk,
            write_count,
            time,
            capacity,
            fsync: settings.fsync,
            waiters,
            ended: Vec::new(),
            unsaved: Unsaved::Nothing,
            unstamped: false,
            failed: None,
        })
    }

    /// Returns what the store holds.
    pub(super) fn counts(&self) -> StoreCounts {
        self.capacity.counts()
    }

    /// Changes the state under a name once there is room for `need` bytes, the
    /// most that the change can add.
    pub(super) fn change<T>(
        &mut self,
        name: Name,
        urgent: bool,
        need: impl Fn(Option<&State>) -> u64,
        change: impl FnOnce(&mut Option<State>, Tick) -> T,
    ) -> Result<T, StoreError> {
        let now = self.time.now();
        let before = self.make_room(name, now, need)?;
        let mut state = before.clone();
        let answer = change(&mut state, now);
        // The headers suffice: a record never changes while its header stays.
        if before.as_ref().map(StateHeader::of) != state.as_ref().map(StateHeader::of) {
            self.replace(name, before.as_ref(), state.as_ref(), urgent)?;
        }
        if !state.is_some_and(|state| state.is_running(now)) {
            self.ended.push(name);
        }
        Ok(answer)
    }

    /// Writes a changed state, and counts the difference.
    fn replace(
        &mut self,
        name: Name,
        before: Option<&State>,
        after: Option<&State>,
        urgent: bool,
    ) -> Result<(), StoreError> {
        let entry = |state| ExpiryEntry::of(name, state);
        let (before, after) = (before.map(entry), after.map(|state| (entry(state), state)));
        let put = after.as_ref().map(|(entry, state)| (entry, *state));
        self.write(urgent, before.as_ref(), put)?;
        if let Some(entry) = before {
            self.capacity.give(&entry);
        }
        if let Some((entry, _)) = after {
            self.capacity.take(&entry);
        }
        Ok(())
    }

    /// Writes a change, and notes that it has to be saved.
    ///
    /// The first change since a save has its stamp with it, so that the files
    /// never hold an instant that is far ahead of the stamp. The others have
    /// one together, which [`save`](Self::save) writes.
    pub(super) fn write(
        &mut self,
        urgent: bool,
        before: Option<&ExpiryEntry>,
        after: Option<(&ExpiryEntry, &State)>,
    ) -> Result<(), StoreError> {
        self.time.count_write();
        let stamp = self.is_saved().then(|| self.time.stamp());
        self.unstamped = stamp.is_none();
        self.mark_unsaved(urgent);
        let written = self.disk.replace(before, after, stamp);
        self.note_failure(written)
    }

    /// Passes on the result of a write, and keeps the first failure.
    fn note_failure(&mut self, written: Result<(), StoreError>) -> Result<(), StoreError> {
        written.inspect_err(|error| {
            self.failed.get_or_insert_with(|| error.clone());
        })
    }

    /// Notes a change that has to be saved.
    fn mark_unsaved(&mut self, urgent: bool) {
        let change = match urgent {
            true => Unsaved::Urgent,
            false => Unsaved::Written,
        };
        self.unsaved = self.unsaved.max(change);
    }

    /// Returns whether all changes are saved, so that their callers may be
    /// told.
    pub(super) fn is_saved(&self) -> bool {
        self.unsaved == Unsaved::Nothing
    }

    /// Saves the changes since the last time.
    ///
    /// Until then no caller is told of a change, so that a crash never takes
    /// back what a caller knows. Returns the first failure since the files were
    /// opened, which says why.
    pub(super) fn save(&mut self) -> Result<(), StoreError> {
        let stamped = self.write_stamp();
        let saved = stamped.and_then(|()| match self.unsaved {
            Unsaved::Nothing => Ok(()),
            Unsaved::Written => self.disk.save(false),
            Unsaved::Urgent => self.save_to_disk(),
        });
        saved.map_err(|error| self.failed.take().unwrap_or(error))?;
        self.unsaved = Unsaved::Nothing;
        Ok(())
    }

    /// Writes the stamp that the changes since the first have together.
    ///
    /// It comes after all of them, so that a journal that lacks any of them
    /// lacks the stamp, too, and has fewer writes than were confirmed.
    fn write_stamp(&mut self) -> Result<(), StoreError> {
        if self.unstamped {
            self.disk.replace(None, None, Some(self.time.stamp()))?;
            self.unstamped = false;
        }
        Ok(())
    }

    /// Waits until the disk has all writes, then confirms their number.
    fn save_to_disk(&mut self) -> Result<(), StoreError> {
        self.disk.save(true)?;
        let written = self.write_count.write(self.time.writes());
        written.map_err(StoreError::unavailable)
    }

    /// Notifies the callers that wait for work that has ended. The writer calls
    /// it after each save, whether that succeeded or not.
    pub(super) fn notify_waiters(&mut self) {
        for name in self.ended.drain(..) {
            self.waiters.notify(&name);
        }
    }

    /// Notes when the store was closed, and saves.
    pub(super) fn close(mut self) -> Result<(), StoreError> {
        self.time.now();
        self.time.count_write();
        self.disk.replace(None, None, Some(self.time.stamp()))?;
        self.save_to_disk()
    }
}

/// Callers must not wait for records that are closed: they claim again, and
/// learn what became of the store.
impl Drop for Records {
    fn drop(&mut self) {
        self.waiters.notify_all();
    }
}

#[cfg(test)]
#[path = "tests/records.rs"]
mod tests;
