//! All series of a registry, found without a lock.

use std::{
    fmt,
    sync::{Arc, Mutex, OnceLock, PoisonError, Weak},
};

use ahash::RandomState;

use super::{
    series::{CompletionKey, Series},
    settings::Settings,
    shares::PerShare,
};
use crate::red::labels::{Kind, Labels, LabelsRef};

/// All series of a registry: a hash table that nothing is ever taken out of, so
/// that to look into it takes no lock, and of which half is always empty. Each share
/// has one of its own, made when it is first needed.
pub(crate) struct Table {
    slots: PerShare<OnceLock<Slots>>,
    hasher: RandomState,
    /// Held by whoever adds one.
    adding: Mutex<()>,
    overflow: [OnceLock<Series>; Kind::ALL.len()],
    settings: Arc<Settings>,
    myself: Weak<Self>,
}

type Slots = Box<[OnceLock<Slot>]>;

struct Slot {
    hash: u64,
    series: Series,
}

impl Table {
    /// Has room for as many as the budgets allow.
    pub(crate) fn new(settings: Arc<Settings>) -> Arc<Self> {
        Arc::new_cyclic(|myself| Self {
            slots: PerShare::default(),
            hasher: RandomState::new(),
            adding: Mutex::default(),
            overflow: Default::default(),
            settings,
            myself: Weak::clone(myself),
        })
    }

    /// The series with these labels, made if there is room for it.
    #[inline]
    pub(crate) fn series(&self, labels: LabelsRef<'_>) -> &Series {
        let hash = self.hasher.hash_one(labels);
        match self.find(hash, labels) {
            Ok(series) => series,
            Err(_) => self.add(hash, labels),
        }
    }

    /// It, or the empty slot where it would be.
    #[inline]
    fn find(&self, hash: u64, labels: LabelsRef<'_>) -> Result<&Series, usize> {
        let slots = self.slots(labels.kind);
        let mut nth = hash as usize & (slots.len() - 1);
        while let Some(slot) = slots[nth].get() {
            if slot.hash == hash && slot.series.labels().borrowed() == labels {
                return Ok(&slot.series);
            }
            nth = (nth + 1) & (slots.len() - 1);
        }
        Err(nth)
    }

    #[inline]
    fn slots(&self, kind: Kind) -> &Slots {
        self.slots.of(kind).get_or_init(|| {
            let slots = (self.settings.budgets.of(kind).total() * 2).next_power_of_two();
            (0..slots).map(|_| OnceLock::new()).collect()
        })
    }

    #[cold]
    fn add(&self, hash: u64, labels: LabelsRef<'_>) -> &Series {
        // A route may have any name, and no two series the same labels.
        if labels == LabelsRef::overflow(labels.kind) {
            return self.overflow(labels.kind);
        }
        // A flood of what has no room does not queue up here.
        if self.settings.budgets.of(labels.kind).is_spent() {
            return self.refuse(hash, labels.kind);
        }
        let _adding = self.adding.lock().unwrap_or_else(PoisonError::into_inner);
        let nth = match self.find(hash, labels) {
            Ok(series) => return series,
            Err(nth) => nth,
        };
        if !self.settings.budgets.of(labels.kind).take() {
            return self.refuse(hash, labels.kind);
        }
        let beyond = Some(Weak::clone(&self.myself));
        let make = || Series::new(labels.to_labels(), &self.settings, beyond);
        let slot = self.slots(labels.kind)[nth].get_or_init(|| Slot {
            hash,
            series: make(),
        });
        &slot.series
    }

    fn refuse(&self, hash: u64, kind: Kind) -> &Series {
        self.settings.budgets.of(kind).refuse(hash);
        self.overflow(kind)
    }

    /// Where requests of these labels are counted for whose end there is no room.
    pub(crate) fn beyond(&self, labels: &Labels, key: CompletionKey) -> &Series {
        let hash = self.hasher.hash_one((labels.borrowed(), key));
        self.refuse(hash, labels.kind)
    }

    /// Where requests of this kind are counted for which there is no room.
    fn overflow(&self, kind: Kind) -> &Series {
        let make = || Series::new(LabelsRef::overflow(kind).to_labels(), &self.settings, None);
        self.overflow[kind as usize].get_or_init(make)
    }

    /// All there are, in no order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Series> {
        let slots = self.slots.all().filter_map(OnceLock::get);
        let slots = slots.flatten().filter_map(OnceLock::get);
        let overflow = self.overflow.iter().filter_map(OnceLock::get);
        slots.map(|slot| &slot.series).chain(overflow)
    }

    pub(crate) fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let labels = self.all().map(Series::labels);
        f.debug_list().entries(labels).finish()
    }
}
