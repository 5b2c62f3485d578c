//! Reading a request: its key, its principal, and its identity, by which it is
//! the same as another request or not.

mod compare;
pub(super) mod identity;
pub(super) mod key_extractor;
pub(super) mod keyed_call;
pub(super) mod principal;
pub(super) mod request_key;

pub use self::{
    compare::CanonicalJson,
    principal::{ByKey, GlobalScope},
};
