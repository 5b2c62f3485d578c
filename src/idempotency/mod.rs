//! Idempotency keys: the same work asked for twice is done once.

mod claim;
mod claimant;
mod digest;
mod fingerprint;
mod guard;
mod heartbeat;
mod key;
mod lease;
mod local;
pub mod machine;
mod name;
mod observe;
mod record;
mod scope;
mod store;
mod token;
mod tracker;

pub use self::{
    claim::{Bid, Claim, Held, Takeover},
    claimant::{Claimant, Claimed},
    fingerprint::{Fingerprint, FingerprintBuilder},
    guard::{Ended, Guard},
    key::{IdempotencyKey, KeyError, KeyForm, Syntax},
    lease::Lease,
    local::{Local, LocalBuilder, LocalCounts},
    name::Name,
    observe::{Counts, Event, Observe, Snapshot},
    record::{Body, Record, RecordError, Reply},
    scope::Scope,
    store::{Store, StoreError},
    token::{NoToken, Token},
    tracker::Tracker,
};
