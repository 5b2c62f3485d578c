//! The files.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use crate::{
    clock::Tick,
    idempotency::{scope::Name, state::State, store::StoreError},
};

use super::{
    error::OpenError,
    layout::{self, VERSION},
    mark::{Mark, start},
    time::Stamp,
};

const MIB: u64 = 1 << 20;

/// The files, as the [layout] has them.
pub(super) struct Disk {
    database: Database,
    records: Keyspace,
    ends: Keyspace,
    about: Keyspace,
    /// The least key that may be among the ends, of what is leased and of what is
    /// completed: what was removed before it is still to be waded through.
    floors: [Vec<u8>; 2],
}

impl Disk {
    /// Opens the files in this folder, or makes them.
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = Database::builder(folder)
            .cache_size(16 * MIB)
            .max_journaling_size(256 * MIB)
            .manual_journal_persist(true)
            // It has to keep up with one thread.
            .worker_threads(1)
            .open()?;
        let known = database.keyspace_count();
        let keyspace = |name| database.keyspace(name, options);
        let disk = Self {
            records: keyspace("records")?,
            ends: keyspace("ends")?,
            about: keyspace("about")?,
            database,
            floors: [start(false, 0), start(true, 0)],
        };
        disk.check_version(known)?;
        Ok(disk)
    }

    /// Sees that it can be read here, and that none of its keyspaces has gone
    /// missing, so that so few were known.
    fn check_version(&self, known: usize) -> Result<(), OpenError> {
        match self.about.get("version")?.as_deref() {
            Some([VERSION]) if known < 3 => Err(OpenError::unreadable("it lacks a keyspace")),
            Some([VERSION]) => Ok(()),
            Some([version, ..]) => Err(OpenError::Version(*version)),
            Some([]) => Err(OpenError::unreadable("it has no version")),
            None if self.records.is_empty()? => {
                self.about.insert("version", [VERSION])?;
                Ok(self.database.persist(PersistMode::SyncAll)?)
            }
            None => Err(OpenError::unreadable("it has records and no version")),
        }
    }

    /// When something was written last.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, OpenError> {
        let Some(written) = self.about.get("last")? else {
            return Ok(None);
        };
        let stamp = Stamp::read(&written);
        stamp.map(Some).ok_or_else(malformed)
    }

    /// All that is there.
    pub(super) fn marks(&self) -> impl Iterator<Item = Result<Mark, OpenError>> {
        self.ends.iter().map(|entry| {
            let (key, size) = entry.into_inner()?;
            Mark::read(&key, &size).ok_or_else(malformed)
        })
    }

    /// What is under a name.
    pub(super) fn read(&self, name: Name) -> Result<Option<State>, StoreError> {
        let written = self.records.get(name.as_bytes())?;
        let state = written.map(|bytes| layout::read(&bytes)).transpose();
        Ok(state?)
    }

    /// What is forgotten first of what is leased, or of what is completed.
    pub(super) fn first(&mut self, completed: bool) -> Result<Option<Mark>, StoreError> {
        let floor = &mut self.floors[usize::from(completed)];
        let beyond = vec![u8::from(completed) + 1];
        let Some(entry) = self.ends.range(floor.clone()..beyond.clone()).next() else {
            *floor = beyond;
            return Ok(None);
        };
        let (key, size) = entry.into_inner()?;
        *floor = key.to_vec();
        let mark = Mark::read(&key, &size).ok_or_else(malformed_end)?;
        Ok(Some(mark))
    }

    /// The same, if its time has come.
    pub(super) fn first_over(
        &mut self,
        completed: bool,
        now: Tick,
    ) -> Result<Option<Mark>, StoreError> {
        if self.floors[usize::from(completed)] >= start(completed, now.saturating_add(1)) {
            return Ok(None);
        }
        Ok(self.first(completed)?.filter(|mark| mark.end <= now))
    }

    /// Removes what was under a name, and puts this there; all of that or nothing.
    pub(super) fn replace(
        &mut self,
        before: Option<&Mark>,
        after: Option<(&Mark, &State)>,
        stamp: Stamp,
    ) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        if let Some(mark) = before {
            self.remove(&mut batch, mark, after.map(|(mark, _)| mark));
        }
        if let Some((mark, state)) = after {
            self.put(&mut batch, mark, state);
        }
        batch.insert(&self.about, "last", stamp.write());
        Ok(batch.commit()?)
    }

    /// Removes what is not replaced: which of two entries for one key in a batch
    /// counts, nobody promises.
    fn remove(&self, batch: &mut OwnedWriteBatch, before: &Mark, after: Option<&Mark>) {
        let key = before.key();
        if after.is_none_or(|after| after.key() != key) {
            batch.remove(&self.ends, key);
        }
        if after.is_none() {
            batch.remove(&self.records, *before.name.as_bytes());
        }
    }

    fn put(&mut self, batch: &mut OwnedWriteBatch, mark: &Mark, state: &State) {
        let key = mark.key();
        let floor = &mut self.floors[usize::from(mark.completed)];
        if key < *floor {
            floor.clone_from(&key);
        }
        batch.insert(&self.ends, key, mark.size.to_be_bytes());
        batch.insert(&self.records, *mark.name.as_bytes(), layout::write(state));
    }

    /// Hands all that was written to the operating system, and has it put on the
    /// disk if that is wanted.
    pub(super) fn save(&self, fsync: bool) -> Result<(), StoreError> {
        let mode = match fsync {
            true => PersistMode::SyncData,
            false => PersistMode::Buffer,
        };
        Ok(self.database.persist(mode)?)
    }
}

/// What is in memory until it is written in order.
fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(16 * MIB)
}

fn malformed() -> OpenError {
    OpenError::unreadable(MALFORMED)
}

fn malformed_end() -> StoreError {
    StoreError::away(MALFORMED)
}

const MALFORMED: &str = "it has an entry that is malformed";

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        Self::away(error)
    }
}
