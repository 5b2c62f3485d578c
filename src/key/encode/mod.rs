//! How a key becomes part of a name that every process computes alike. Limits
//! in Redis name their buckets by it, and idempotency keys their scopes.

#[cfg(feature = "redis")]
mod bucket_name;
mod impls;
mod store_key;

#[cfg(feature = "redis")]
pub(crate) use self::bucket_name::bucket_name;
pub use self::store_key::{EncodedKey, StoreKey};
