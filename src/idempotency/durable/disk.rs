//! The files of a durable store, in the embedded database `fjall`.
//!
//! Every change is one atomic batch: the state, its entry in the order of
//! expiry, and sometimes the stamp. A crash leaves all of it or nothing.

use std::path::Path;

use fjall::{Database, Keyspace, KeyspaceCreateOptions, OwnedWriteBatch, PersistMode};

use crate::{
    clock::Tick,
    idempotency::{scope::Name, state::State, store::StoreError},
};

use super::{
    error::OpenError,
    expiry::{ExpiryEntry, key_prefix},
    layout::{self, VERSION},
    time::Stamp,
};

/// For the sizes of caches and journals.
const MIB: u64 = 1 << 20;

/// The open files; [layout] says what they hold.
pub(super) struct Disk {
    /// Has the journal, and all keyspaces.
    database: Database,
    /// The states, by name.
    records: Keyspace,
    /// The entries in the order of expiry.
    ends: Keyspace,
    /// The version, and the stamp of the last write.
    about: Keyspace,
    /// The least key that may be in `ends`, for leased and for completed
    /// states. A scan from the beginning would wade through all removed keys
    /// until the files are compacted.
    floors: [Vec<u8>; 2],
}

impl Disk {
    /// Opens the files in this folder, or creates them.
    pub(super) fn open(folder: &Path) -> Result<Self, OpenError> {
        let database = Database::builder(folder)
            .cache_size(16 * MIB)
            .max_journaling_size(256 * MIB)
            .manual_journal_persist(true)
            // One worker is enough, because one thread writes.
            .worker_threads(1)
            .open()?;
        let known = database.keyspace_count();
        let keyspace = |name| database.keyspace(name, options);
        let disk = Self {
            records: keyspace("records")?,
            ends: keyspace("ends")?,
            about: keyspace("about")?,
            database,
            floors: [key_prefix(false, 0), key_prefix(true, 0)],
        };
        disk.check_version(known)?;
        Ok(disk)
    }

    /// Checks that the layout is known here, and that no keyspace is missing.
    /// `known` is how many there were before any was created.
    ///
    /// A new store gets its version before anything else, and waits for the
    /// disk.
    fn check_version(&self, known: usize) -> Result<(), OpenError> {
        match self.about.get("version")?.as_deref() {
            Some([VERSION]) if known < 3 => Err(OpenError::unreadable("a keyspace is missing")),
            Some([VERSION]) => Ok(()),
            Some([version, ..]) => Err(OpenError::Version(*version)),
            Some([]) => Err(OpenError::unreadable("the version is empty")),
            None if self.records.is_empty()? => {
                self.about.insert("version", [VERSION])?;
                Ok(self.database.persist(PersistMode::SyncAll)?)
            }
            None => Err(OpenError::unreadable("it has records but no version")),
        }
    }

    /// Returns the stamp of the last write.
    pub(super) fn stamp(&self) -> Result<Option<Stamp>, OpenError> {
        let Some(written) = self.about.get("last")? else {
            return Ok(None);
        };
        let stamp = Stamp::read(&written);
        stamp
            .map(Some)
            .ok_or_else(|| OpenError::unreadable(MALFORMED))
    }

    /// Returns the entries of all states.
    pub(super) fn expiries(&self) -> impl Iterator<Item = Result<ExpiryEntry, OpenError>> {
        self.ends.iter().map(|entry| {
            let (key, size) = entry.into_inner()?;
            ExpiryEntry::read(&key, &size).ok_or_else(|| OpenError::unreadable(MALFORMED))
        })
    }

    /// Reads the state under a name.
    pub(super) fn read(&self, name: Name) -> Result<Option<State>, StoreError> {
        let written = self.records.get(name.as_bytes())?;
        let state = written.map(|bytes| layout::read(&bytes)).transpose();
        Ok(state?)
    }

    /// Returns the leased or completed state that expires next.
    ///
    /// It starts at the floor, and moves the floor to what it finds.
    pub(super) fn first(&mut self, completed: bool) -> Result<Option<ExpiryEntry>, StoreError> {
        let floor = &mut self.floors[usize::from(completed)];
        let beyond = vec![u8::from(completed) + 1];
        let Some(entry) = self.ends.range(floor.clone()..beyond.clone()).next() else {
            *floor = beyond;
            return Ok(None);
        };
        let (key, size) = entry.into_inner()?;
        *floor = key.to_vec();
        let entry =
            ExpiryEntry::read(&key, &size).ok_or_else(|| StoreError::unavailable(MALFORMED))?;
        Ok(Some(entry))
    }

    /// Returns that state if it has expired.
    ///
    /// The floor often shows without a read that none has.
    pub(super) fn first_expired(
        &mut self,
        completed: bool,
        now: Tick,
    ) -> Result<Option<ExpiryEntry>, StoreError> {
        if self.floors[usize::from(completed)] >= key_prefix(completed, now.saturating_add(1)) {
            return Ok(None);
        }
        Ok(self.first(completed)?.filter(|entry| entry.expires <= now))
    }

    /// Replaces the state under a name, in one atomic batch with the stamp, if
    /// there is one.
    ///
    /// Without a state before or after, it only notes the stamp.
    pub(super) fn replace(
        &mut self,
        before: Option<&ExpiryEntry>,
        after: Option<(&ExpiryEntry, &State)>,
        stamp: Option<Stamp>,
    ) -> Result<(), StoreError> {
        let mut batch = self.database.batch();
        if let Some(entry) = before {
            self.remove(&mut batch, entry, after.map(|(entry, _)| entry));
        }
        if let Some((entry, state)) = after {
            self.put(&mut batch, entry, state);
        }
        if let Some(stamp) = stamp {
            batch.insert(&self.about, "last", stamp.write());
        }
        Ok(batch.commit()?)
    }

    /// Removes the keys that are not written again: `fjall` does not promise
    /// which of two entries for one key in a batch counts.
    fn remove(
        &self,
        batch: &mut OwnedWriteBatch,
        before: &ExpiryEntry,
        after: Option<&ExpiryEntry>,
    ) {
        let key = before.key();
        if after.is_none_or(|after| after.key() != key) {
            batch.remove(&self.ends, key);
        }
        if after.is_none() {
            batch.remove(&self.records, *before.name.as_bytes());
        }
    }

    /// Adds a state and its entry to a batch.
    fn put(&mut self, batch: &mut OwnedWriteBatch, entry: &ExpiryEntry, state: &State) {
        let key = entry.key();
        let floor = &mut self.floors[usize::from(entry.completed)];
        if key < *floor {
            floor.clone_from(&key);
        }
        batch.insert(&self.ends, key, entry.bytes.to_be_bytes());
        batch.insert(&self.records, *entry.name.as_bytes(), layout::write(state));
    }

    /// Hands all writes to the operating system, and with `fsync` to the disk.
    ///
    /// Data that the operating system has outlives the process, but not the
    /// machine.
    pub(super) fn save(&self, fsync: bool) -> Result<(), StoreError> {
        let mode = match fsync {
            true => PersistMode::SyncData,
            false => PersistMode::Buffer,
        };
        Ok(self.database.persist(mode)?)
    }
}

/// Returns the options of a keyspace, which keeps up to 16 MiB in memory until
/// they are written in order.
fn options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default()
        .manual_journal_persist(true)
        .max_memtable_size(16 * MIB)
}

/// Says that an entry has not the length of one.
const MALFORMED: &str = "an entry is malformed";

impl From<fjall::Error> for StoreError {
    fn from(error: fjall::Error) -> Self {
        Self::unavailable(error)
    }
}
