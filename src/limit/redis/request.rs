//! What is asked of a bucket, and what is answered.

use super::denial_cache::Epoch;
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{quota::Cost, script::Operation},
    },
};

/// A bucket by both of its names.
#[derive(Clone)]
pub(super) struct Bucket {
    /// In Redis.
    pub(super) name: Vec<u8>,
    /// In this process: the hash of the name.
    pub(super) key: u64,
}

/// One question about one bucket.
pub(super) struct Ask {
    pub(super) bucket: Bucket,
    pub(super) entry: Operation,
    pub(super) epoch: Epoch,
    /// When it was asked, by the clock of leases if there are any.
    pub(super) asked: Tick,
}

/// What came of an [`Ask`].
#[derive(Clone, Copy)]
pub(super) struct Answer {
    /// After a credit, debit or reset: what a bucket never seen would say.
    pub(super) decision: Decision,
    /// How much was taken, or given back.
    pub(super) taken: Cost,
    /// Where something was decided, by which it can be given back.
    pub(super) booking: Option<Booking>,
}

/// What was charged: when it falls due by the server's clock, and how the bucket
/// looks while nobody has come after it.
#[derive(Clone, Copy)]
pub(super) struct Booking {
    pub(super) due: Tick,
    pub(super) mark: u64,
}

impl Ask {
    /// The largest cost of which a denial of this tells.
    pub(super) fn cost(&self) -> Cost {
        match self.entry {
            Operation::Check(cost) | Operation::Reserve(_, cost, _) => cost,
            _ => 1,
        }
    }
}

impl Answer {
    /// How long to wait, if at all.
    pub(super) fn wait(&self) -> Option<Tick> {
        self.decision.wait_ticks()
    }
}
