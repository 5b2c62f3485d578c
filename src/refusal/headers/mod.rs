//! The header fields that tell clients of their quota.

mod headers;
mod ietf;
mod item;
mod legacy;
mod list;
mod seconds;
#[cfg(test)]
mod tests;

pub use self::headers::Headers;
pub(super) use self::{
    ietf::{Told, write_ietf},
    legacy::Legacy,
    seconds::write_retry_after,
};
