//! How a key is written where many processes have to find the same bucket.

mod impls;
mod store_key;
#[cfg(feature = "redis")]
mod store_name;
#[cfg(test)]
mod tests;

pub use self::store_key::{Name, Spell};
#[cfg(feature = "redis")]
pub(crate) use self::store_name::name_in_store;
