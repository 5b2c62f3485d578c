//! The messages between a claimant and a store: what is asked of a
//! [`Store`](super::Store), and what it answers.

use std::time::Duration;

use bytes::Bytes;

use super::{fingerprint::Fingerprint, token::Token};

/// A request to run some work, and the terms under which it would run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClaimRequest {
    /// Identifies the work's content. Under one name, it has to stay the same.
    pub fingerprint: Fingerprint,
    /// The token of the lease that is asked for. If the answer is lost, repeat
    /// the request with the same token.
    pub token: Token,
    /// How long the lease lasts unless it is renewed.
    pub lease: Duration,
    /// How long the store remembers the work after the lease has lapsed, if the
    /// holder never reports how the work ended.
    pub keep: Duration,
    /// The choice if the lease of an earlier holder has lapsed.
    pub takeover: Takeover,
}

/// How to treat work whose outcome is unknown: its holder crashed, panicked or
/// was dropped, and its lease has lapsed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Takeover {
    /// The work runs again, under a new token, and its lease says that it was
    /// [recovered](super::Lease::is_recovered). Use it for work that can cope
    /// with being done in part already.
    #[default]
    Rerun,
    /// Claims are refused as [unknown](Claim::Unknown) until the store forgets
    /// the work, so that a person can look into it. Use it for payments.
    ///
    /// In Redis, a clock that is set ahead by more than the lease plus the keep
    /// time makes the store forget at once; `idempotency::Redis` lists what
    /// else it may lose.
    Refuse,
}

/// A store's answer to a [`ClaimRequest`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The claimant now holds the lease and runs the work.
    Run {
        /// How often the work was begun, this time included. It is above 1 if
        /// the leases of earlier holders have lapsed.
        attempt: u32,
    },
    /// The work is done, and this is its encoded record.
    Replay(Bytes),
    /// The name belongs to work with another fingerprint.
    Mismatch,
    /// Another holder is running the work.
    Running {
        /// How long its lease lasts unless it is renewed.
        left: Duration,
    },
    /// The work was begun, its lease has lapsed, and the request said
    /// [`Takeover::Refuse`].
    Unknown,
}

/// Whether a token still held its lease when it asked the store for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[must_use = "a lease may be lost"]
pub enum LeaseStatus {
    /// The token holds the lease, and the store did what was asked.
    Held,
    /// The lease has lapsed and was taken over or forgotten. The store changed
    /// nothing.
    Lost,
}
