//! A registry in process; its twin is `lua/deadline.lua`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use ahash::RandomState;
use tokio::time::Instant;

use super::{claim::Holders, error::Error, id::Id, remaining::Remaining};
use crate::deadline::Deadline;
use crate::sync::{Mutex, lock};

pub(super) struct Local {
    records: Mutex<Records>,
    capacity: usize,
    grace: Duration,
    pub(super) holders: Arc<Holders>,
}

#[derive(Default)]
struct Records {
    by_path: HashMap<Arc<str>, Record, RandomState>,
    /// When which is forgotten.
    ends: BTreeSet<(Instant, Arc<str>)>,
}

struct Record {
    at: Instant,
    forgotten: Instant,
    why: Option<Arc<str>>,
}

impl Local {
    pub(super) fn new(capacity: usize, grace: Duration) -> Self {
        Self {
            records: Mutex::default(),
            capacity,
            grace,
            holders: Arc::default(),
        }
    }

    /// What is there already only becomes earlier, and stays what it has become.
    pub(super) fn register(&self, id: &Id, budget: Duration) -> Result<Remaining, Error> {
        let mut records = self.records();
        let word = records.stand(id);
        let later = matches!(&word, Remaining::Left(left) if *left > budget);
        if !later && word != Remaining::Unknown {
            return Ok(word);
        }
        self.record(&mut records, id, Deadline::after(budget))?;
        Ok(records.stand(id))
    }

    pub(super) fn derive(&self, parent: &Id, child: &Id, cap: Duration) -> Result<(), Error> {
        let mut records = self.records();
        records.stand(parent).left()?;
        let ends = Deadline::after(cap);
        let ends = records.ends(parent).map_or(ends, |parent| ends.min(parent));
        self.record(&mut records, child, ends)
    }

    pub(super) fn cancel(&self, id: &Id, why: &Arc<str>) -> Remaining {
        let mut records = self.records();
        let word = records.stand(id);
        if let Remaining::Left(_) = word
            && let Some(record) = records.by_path.get_mut(id.path())
        {
            record.why = Some(Arc::clone(why));
        }
        drop(records);
        if let Remaining::Left(_) | Remaining::Unknown = word {
            self.holders.tell(id.path(), why);
        }
        word
    }

    pub(super) fn look(&self, id: &Id) -> Remaining {
        self.records().stand(id)
    }

    fn record(&self, records: &mut Records, id: &Id, ends: Deadline) -> Result<(), Error> {
        records.forget(id);
        if records.by_path.len() >= self.capacity {
            return Err(Error::Full);
        }
        let at = ends.instant();
        let forgotten = at.checked_add(self.grace).unwrap_or(at);
        let record = Record {
            at,
            forgotten,
            why: None,
        };
        records.by_path.insert(Arc::clone(id.path()), record);
        records.ends.insert((forgotten, Arc::clone(id.path())));
        Ok(())
    }

    fn records(&self) -> crate::sync::MutexGuard<'_, Records> {
        let mut records = lock(&self.records);
        records.forget_the_old(Instant::now());
        records
    }
}

impl Records {
    fn stand(&self, id: &Id) -> Remaining {
        let mut chain = id.chain().filter_map(|path| self.by_path.get(path));
        if let Some(why) = chain.find_map(|record| record.why.clone()) {
            return Remaining::Cancelled(why);
        }
        if !self.by_path.contains_key(id.path()) {
            return Remaining::Unknown;
        }
        match self.ends(id) {
            Some(ends) if !ends.is_expired() => Remaining::Left(ends.remaining()),
            _ => Remaining::Expired,
        }
    }

    /// It ends with the first of its parents to end; `None` if one of them has
    /// been forgotten since.
    fn ends(&self, id: &Id) -> Option<Deadline> {
        let ends = id.chain().map(|path| self.by_path.get(path));
        let ends: Option<Vec<_>> = ends.map(|it| it.map(|it| it.at)).collect();
        ends?.into_iter().min().map(Deadline::at)
    }

    fn forget(&mut self, id: &Id) {
        if let Some(old) = self.by_path.remove(id.path()) {
            self.ends.remove(&(old.forgotten, Arc::clone(id.path())));
        }
    }

    fn forget_the_old(&mut self, now: Instant) {
        while self.ends.first().is_some_and(|(end, _)| *end <= now)
            && let Some((_, path)) = self.ends.pop_first()
        {
            self.by_path.remove(&path);
        }
    }
}
