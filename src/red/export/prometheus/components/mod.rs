//! The families beside requests: a file for each component.

mod add;
mod concurrency;
#[cfg(feature = "redis")]
mod connections;
mod deadlines;
mod drains;
mod families;
#[cfg(feature = "idempotency")]
mod keys;
mod limiters;
#[cfg(feature = "client")]
mod retries;
pub(super) mod slos;

pub(super) use self::add::add;
