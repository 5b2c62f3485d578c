//! How a key is written where many processes have to find the same bucket.

#[cfg(feature = "redis")]
mod bucket_name;
mod impls;
mod store_key;
#[cfg(test)]
mod tests;

#[cfg(feature = "redis")]
pub(crate) use self::bucket_name::bucket_name;
pub use self::store_key::{EncodedKey, StoreKey};
