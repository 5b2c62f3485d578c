//! The header fields that tell clients their quota: the IETF lists, which have
//! a member for each limit, and the older fields, which have room for one.
//!
//! Nested layers write the same fields, so a layer reads what layers further in
//! have written before it adds its own limit: `list` finds members, `ietf` and
//! `legacy` decide which limit stays. `policy` keeps the value that is the same
//! in each response of a limit, and `state` those that often are.

mod headers;
mod ietf;
mod item;
mod legacy;
mod list;
mod number;
mod policy;
mod seconds;
mod state;
#[cfg(test)]
mod tests;

pub use self::headers::Headers;
pub(super) use self::{
    ietf::{Quotas, write_ietf},
    legacy::LegacyFields,
    seconds::write_retry_after,
};
