//! Which store keeps the states of a rule. Rules name their state, and so get a
//! store that fits.

use std::fmt;

use super::{
    log_store::LogStore,
    store::{LockedState, SingleWord, Store},
    table::Table,
};
use crate::limit::rules::{log::Log, word::Word};

/// The state of a bucket, which decides how it is stored: a [`Word`] lives in
/// the lock-free table, a [`Log`] behind a lock.
///
/// Sealed: it is implemented for these two.
pub trait State: Default + Clone + fmt::Debug + Send + 'static {
    /// Where a limiter without keys keeps its bucket.
    type Direct: Store<Self>;
    /// Where a limiter with keys keeps its buckets.
    type Keyed: Store<Self>;
}

impl State for Word {
    type Direct = SingleWord;
    type Keyed = Table;
}

impl State for Log {
    type Direct = LockedState<Log>;
    type Keyed = LogStore;
}
