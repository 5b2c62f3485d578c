//! All series of a registry. The registry looks up the series of each request
//! here, without a lock.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use ahash::RandomState;

use super::{budget::PerSide, insert_only::InsertOnlyTable, series::Series, stripe::SeriesContext};
use crate::red::{CompletionKey, Kind, Labels, LabelsRef};

/// All series of a registry, one table for each side.
///
/// Once the budget of a side is spent, its further requests are counted in one
/// overflow series for each kind.
pub(crate) struct Table {
    /// The series, in a table for each side.
    series: PerSide<InsertOnlyTable<Series>>,
    hasher: RandomState,
    /// The overflow series of each kind, made when the first request needs it.
    overflow: [OnceLock<Series>; Kind::ALL.len()],
    context: Arc<SeriesContext>,
}

impl Table {
    /// Returns an empty table.
    pub(super) fn new(context: Arc<SeriesContext>) -> Self {
        let capacity = |side| context.budgets.get(side).total();
        Self {
            series: PerSide::new(|side| InsertOnlyTable::with_capacity(capacity(side))),
            hasher: RandomState::new(),
            overflow: Default::default(),
            context,
        }
    }

    /// Returns the series with these labels, which is made if there is room for
    /// it, or else the overflow series.
    #[inline]
    pub(super) fn series(&self, labels: LabelsRef<'_>) -> &Series {
        let hash = self.hasher.hash_one(labels);
        let found = self.series.of(labels.kind).find(hash, is_of(labels));
        found.unwrap_or_else(|| self.add(hash, labels))
    }

    /// Adds a series. Only the first request of a label set, and requests
    /// without room, come here.
    #[cold]
    fn add(&self, hash: u64, labels: LabelsRef<'_>) -> &Series {
        // A program may name a route like the overflow series. Two series with
        // the same labels would break the exporters.
        if labels == LabelsRef::overflow(labels.kind) {
            return self.overflow(labels.kind);
        }
        let budget = self.context.budgets.of(labels.kind);
        // Checked before the lock, so that a flood of new labels does not queue
        // up.
        if budget.is_spent() {
            return self.refuse(hash, labels.kind);
        }
        let make = || Series::new(labels.to_labels(), &self.context);
        let table = self.series.of(labels.kind);
        let series = table.find_or_insert(hash, is_of(labels), || budget.take(), make);
        series.unwrap_or_else(|| self.refuse(hash, labels.kind))
    }

    /// Counts a label set as refused, and returns the overflow series.
    fn refuse(&self, hash: u64, kind: Kind) -> &Series {
        self.context.budgets.of(kind).refuse(hash);
        self.overflow(kind)
    }

    /// Returns the series that counts a completion of a series with these
    /// labels that has no room for the key.
    pub(super) fn overflow_of(&self, labels: &Labels, key: CompletionKey) -> &Series {
        let hash = self.hasher.hash_one((labels.borrowed(), key));
        self.refuse(hash, labels.kind)
    }

    /// Returns the overflow series of a kind.
    fn overflow(&self, kind: Kind) -> &Series {
        let make = || Series::overflow(kind, &self.context);
        self.overflow[kind as usize].get_or_init(make)
    }

    /// Returns all series, in no particular order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Series> {
        let series = self.series.all().flat_map(InsertOnlyTable::iter);
        series.chain(self.overflow.iter().filter_map(OnceLock::get))
    }

    /// Returns what the series share.
    #[inline]
    pub(super) fn context(&self) -> &SeriesContext {
        &self.context
    }
}

/// Returns whether a series has these labels.
#[inline]
fn is_of(labels: LabelsRef<'_>) -> impl Fn(&Series) -> bool {
    move |series| series.labels().borrowed() == labels
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.all().map(Series::labels);
        f.debug_list().entries(labels).finish()
    }
}
