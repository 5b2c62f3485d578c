//! Comparing bodies: which of their parts count.

mod comparison;
mod json;
mod multipart;
mod unique_names;

pub(super) use self::comparison::BodyComparison;
pub use self::json::CanonicalJson;
