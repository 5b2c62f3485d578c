//! What makes two requests the same: the parts of a body that count.

mod comparison;
mod json;
mod multipart;
mod unique;

pub(in crate::idempotency::http) use self::comparison::{Comparing, Own};
pub use self::json::CanonicalJson;
