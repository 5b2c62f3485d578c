//! What is asked of a store, and what it answers.

use std::time::Duration;

use bytes::Bytes;

use super::{fingerprint::Fingerprint, token::Token};

/// Who wants to do some work, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// What the work is; under the same name it has to be the same.
    pub fingerprint: Fingerprint,
    /// A token of its own. When the answer is lost, request again with the same one.
    pub token: Token,
    /// For how long to hold it unless it is renewed.
    pub lease: Duration,
    /// For how long to remember it, counted from the end of the lease, if nobody
    /// says how it ended.
    pub keep: Duration,
    /// What if another held it, and nobody knows how that ended.
    pub takeover: Takeover,
}

/// What to do with work that was begun, and that nobody knows the end of: its
/// holder crashed, panicked, or was dropped, and its lease has lapsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Takeover {
    /// It runs again, under a new token, and is told that it was
    /// [recovered](super::Lease::is_recovered). For work that may be done in part
    /// already.
    #[default]
    Rerun,
    /// It is refused as [unknown](Claim::Unknown), until it is forgotten: somebody
    /// has to look. For payments. In Redis, a clock that is set ahead by more than
    /// lease and keep forgets it at once; see what `idempotency::Redis` may lose.
    Refuse,
}

/// What a store answers to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The claimant holds the lease: do the work.
    Run {
        /// How often the work was begun, with this time: above 1 if holders before
        /// had begun it, whose leases have lapsed.
        attempt: u32,
    },
    /// It was done: this is its record.
    Replay(Bytes),
    /// Another fingerprint has this name.
    Mismatch,
    /// Another holder is at it.
    Running {
        /// Until its lease lapses, unless it is renewed.
        left: Duration,
    },
    /// It was begun, its lease has lapsed, and [`Takeover::Refuse`] was asked for.
    Unknown,
}

/// Whether a token still holds its lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a lease may be lost"]
pub enum LeaseStatus {
    /// It does, and what was asked is done.
    Held,
    /// It does not: the lease has lapsed and went to another or was forgotten.
    /// Nothing has changed.
    Lost,
}
