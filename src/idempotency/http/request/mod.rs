//! What the layer reads of a request: its key, its principal, and what makes it the
//! same request as another.

pub(super) mod compare;
pub(super) mod key_extractor;
pub(super) mod keyed_call;
pub(super) mod principal;
pub(super) mod required;

pub use self::{
    compare::CanonicalJson,
    principal::{ByKey, GlobalScope, Principal, PrincipalSource, Scoped, Unscoped},
    required::{Always, Required},
};
