//! A registry in process. Its twin is `lua/deadline.lua`.
//!
//! | here | there |
//! |---|---|
//! | [`Local::register`], `derive`, `cancel`, `remaining` | `tasks` of the same names |
//! | `DeadlineTable::remaining` | `remaining` |
//! | `Local::record` | `record` |
//! | `DeadlineTable::forget_ended` | expiry of keys |
//!
//! The two differ in the clock, in the capacity, and in records that cannot be
//! read, which are only possible there.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use ahash::RandomState;
use tokio::time::Instant;

use super::{error::Error, holders::Holders, id::Id, remaining::Remaining};
use crate::{
    deadline::Deadline,
    sync::{Mutex, MutexGuard, lock},
};

/// The deadlines of a registry in process, and their holders.
pub(super) struct Local {
    table: Mutex<DeadlineTable>,
    /// How many records there may be.
    capacity: usize,
    /// How long a record outlives its deadline.
    grace: Duration,
    pub(super) holders: Arc<Holders>,
}

/// All records. `by_path` and `ends` have the same ones.
#[derive(Default)]
struct DeadlineTable {
    by_path: HashMap<Arc<str>, DeadlineRecord, RandomState>,
    /// When each record is forgotten, the earliest first.
    ends: BTreeSet<(Instant, Arc<str>)>,
}

struct DeadlineRecord {
    /// When the deadline passes.
    at: Instant,
    /// When the record is removed.
    forgotten: Instant,
    /// The reason, if it was cancelled.
    reason: Option<Arc<str>>,
}

impl Local {
    pub(super) fn new(capacity: usize, grace: Duration) -> Self {
        Self {
            table: Mutex::default(),
            capacity,
            grace,
            holders: Arc::default(),
        }
    }

    /// Registers a deadline. One that exists only becomes earlier, and one that
    /// has ended stays as it is.
    pub(super) fn register(&self, id: &Id, budget: Duration) -> Result<Remaining, Error> {
        let mut table = self.table();
        let before = table.remaining(id);
        let is_later = matches!(&before, Remaining::Left(left) if *left > budget);
        if !is_later && before != Remaining::Unknown {
            return Ok(before);
        }
        self.record(&mut table, id, Deadline::after(budget))?;
        Ok(table.remaining(id))
    }

    /// Registers a child, which ends with its parent at the latest.
    pub(super) fn derive(&self, parent: &Id, child: &Id, cap: Duration) -> Result<(), Error> {
        let mut table = self.table();
        table.remaining(parent).left()?;
        let cap = Deadline::after(cap);
        let deadline = table.deadline(parent).map_or(cap, |parent| cap.min(parent));
        self.record(&mut table, child, deadline)
    }

    /// Cancels a deadline, if it has not ended; returns the state before.
    pub(super) fn cancel(&self, id: &Id, reason: &Arc<str>) -> Remaining {
        let mut table = self.table();
        let before = table.remaining(id);
        if let Remaining::Left(_) = before
            && let Some(record) = table.by_path.get_mut(id.path())
        {
            record.reason = Some(Arc::clone(reason));
        }
        // Not under the lock: a holder may ask the registry.
        drop(table);
        if let Remaining::Left(_) | Remaining::Unknown = before {
            self.holders.tell(id.path(), reason);
        }
        before
    }

    /// Returns the state of a deadline.
    pub(super) fn remaining(&self, id: &Id) -> Remaining {
        self.table().remaining(id)
    }

    /// Writes a record, or fails if there is no room for one more.
    fn record(&self, table: &mut DeadlineTable, id: &Id, deadline: Deadline) -> Result<(), Error> {
        table.forget(id);
        if table.by_path.len() >= self.capacity {
            return Err(Error::Full);
        }
        let at = deadline.instant();
        let forgotten = at.checked_add(self.grace).unwrap_or(at);
        let record = DeadlineRecord {
            at,
            forgotten,
            reason: None,
        };
        table.by_path.insert(Arc::clone(id.path()), record);
        table.ends.insert((forgotten, Arc::clone(id.path())));
        Ok(())
    }

    /// Locks the table, after it has forgotten what is past its grace.
    fn table(&self) -> MutexGuard<'_, DeadlineTable> {
        let mut table = lock(&self.table);
        table.forget_ended(Instant::now());
        table
    }
}

impl DeadlineTable {
    /// Returns the state of a deadline. A cancelled parent counts even if the
    /// child has no record.
    fn remaining(&self, id: &Id) -> Remaining {
        let mut chain = id.chain().filter_map(|path| self.by_path.get(path));
        if let Some(reason) = chain.find_map(|record| record.reason.clone()) {
            return Remaining::Cancelled(reason);
        }
        if !self.by_path.contains_key(id.path()) {
            return Remaining::Unknown;
        }
        match self.deadline(id) {
            Some(deadline) if !deadline.is_expired() => Remaining::Left(deadline.remaining()),
            _ => Remaining::Expired,
        }
    }

    /// Returns the earliest deadline of an id and its parents; `None` if one of
    /// them was forgotten.
    fn deadline(&self, id: &Id) -> Option<Deadline> {
        let chain = id.chain().map(|path| self.by_path.get(path));
        let instants: Option<Vec<_>> = chain.map(|record| record.map(|it| it.at)).collect();
        instants?.into_iter().min().map(Deadline::at)
    }

    /// Removes a record, if there is one.
    fn forget(&mut self, id: &Id) {
        if let Some(old) = self.by_path.remove(id.path()) {
            self.ends.remove(&(old.forgotten, Arc::clone(id.path())));
        }
    }

    /// Removes the records that are past their grace.
    fn forget_ended(&mut self, now: Instant) {
        // Amortised: each record is removed once.
        while self.ends.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, path)) = self.ends.pop_first()
        {
            self.by_path.remove(&path);
        }
    }
}
