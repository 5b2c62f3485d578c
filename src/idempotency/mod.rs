//! Idempotency keys: the same work asked for twice is done once.

mod claim;
mod digest;
mod fingerprint;
mod key;
mod local;
pub mod machine;
mod name;
mod record;
mod scope;
mod store;
mod token;

pub use self::{
    claim::{Bid, Claim, Held, Takeover},
    fingerprint::{Fingerprint, FingerprintBuilder},
    key::{IdempotencyKey, KeyError, KeyForm, Syntax},
    local::{Local, LocalBuilder, LocalCounts},
    name::Name,
    record::{Body, Record, RecordError, Reply},
    scope::Scope,
    store::{Store, StoreError},
    token::{NoToken, Token},
};
