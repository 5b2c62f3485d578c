//! Which parts of a body count when two requests are compared.

mod comparison;
mod json;
mod multipart;
mod unique_names;

pub(super) use self::comparison::BodyComparison;
pub use self::json::CanonicalJson;
