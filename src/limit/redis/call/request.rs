//! A request about one bucket, and the reply to it.
//!
//! The [queue](super::super::queue) carries requests, a [batch](super::batch)
//! turns them into one call, and the check and the members of an
//! [`All`](crate::limit::All) read the replies.

use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{
            quota::Cost,
            script::{GivenBack, Operation, UndoRequest},
        },
    },
    redis::Error,
};

/// A bucket under both of its names.
#[derive(Clone)]
pub(crate) struct Bucket {
    /// The name of its key in Redis.
    pub(crate) name: Vec<u8>,
    /// The hash of that name, by which the tables of this process know it.
    pub(crate) hash: u64,
}

/// One request about one bucket.
pub(crate) struct Request {
    pub(crate) bucket: Bucket,
    /// The operation that the script performs on the bucket.
    pub(crate) operation: Operation,
    /// Read before the request is sent: see [`Epoch`].
    pub(crate) epoch: Epoch,
    /// When the request was made, by the clock of the lease table; 0 if the
    /// limiter leases nothing. A lease term is counted from here, because the
    /// server reads its clock later.
    pub(crate) made_at: Tick,
}

/// How often the remembered denials near a bucket were forgotten on demand.
///
/// Read before a request is sent: a denial that was decided before the
/// bucket was made fuller must not be remembered after it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Epoch(pub(crate) u64);

/// The reply of Redis to a [`Request`], as the rule understands it.
#[derive(Clone, Copy)]
pub(crate) struct BucketReply {
    /// After an operation that makes no decision: that about a cost of 0.
    pub(crate) decision: Decision,
    /// How much was taken; 0 after an operation that makes no decision.
    pub(crate) taken: Cost,
    /// Identifies what was taken, so that it can be given back or undone;
    /// `None` after a denial.
    pub(crate) charge: Option<ChargeId>,
    /// Whether the script keeps the charge until it is settled.
    pub(crate) is_held: bool,
    /// How many holds of other requests lapsed.
    pub(crate) lapsed: u32,
}

/// A reply, or why there is none.
pub(crate) type BucketResult = Result<BucketReply, Error>;

/// Identifies a charge or a booked place, so that the script can find it again.
#[derive(Clone, Copy)]
pub(crate) struct ChargeId {
    /// When it falls due, by the server's clock: at once, unless it is a place.
    pub(crate) due: Tick,
    /// The state of the bucket if this was the last charge; see
    /// [`Rule::mark`](crate::limit::Rule::mark).
    pub(crate) mark: u64,
    /// The sums given back to the bucket before; unknown of a charge that was not
    /// to be taken back.
    pub(crate) given_back: GivenBack,
}

impl ChargeId {
    /// Returns the request to take back so much of it.
    pub(crate) fn undo(self, cost: Cost) -> UndoRequest {
        let Self {
            due: at,
            mark,
            given_back,
        } = self;
        UndoRequest {
            cost,
            at,
            mark,
            given_back,
        }
    }
}

impl Request {
    /// Whether it can share an entry with this one, before it in a call.
    pub(crate) fn repeats(&self, other: &Self) -> bool {
        self.operation.merges()
            && self.operation == other.operation
            && self.bucket.name == other.bucket.name
    }

    /// The cost that is denied if this request is denied.
    pub(crate) fn cost(&self) -> Cost {
        match self.operation {
            Operation::Check(cost)
            | Operation::Reserve(_, cost, _)
            | Operation::Take(_, cost, _) => cost,
            Operation::Hold(hold) => hold.cost,
            _ => 1,
        }
    }
}

impl BucketReply {
    /// The ticks to wait for the booked place; `None` if none.
    pub(crate) fn wait(&self) -> Option<Tick> {
        self.decision.wait_ticks()
    }
}
