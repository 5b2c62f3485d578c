//! Idempotency keys: the same work asked for twice is done once.

mod digest;
mod fingerprint;
mod key;
mod name;
mod record;
mod scope;
mod token;

pub use self::{
    fingerprint::{Fingerprint, FingerprintBuilder},
    key::{IdempotencyKey, KeyError, KeyForm, Syntax},
    name::Name,
    record::{Body, Record, RecordError, Reply},
    scope::Scope,
    token::{NoToken, Token},
};
