//! Which tokio runtime drives what is shared.
//!
//! A task, a timer and a connection go on only while their runtime is driven: a
//! runtime of one thread stands still between two `block_on`, or while a task blocks
//! its thread. So nothing that other runtimes wait for hangs on one of them. What is
//! near its callers, such as connections and timers, each runtime has for itself, in a
//! [`PerRuntime`]. What goes on though nobody asks for it, such as listening for
//! messages, runs in the [`background`](background()).

#[cfg(feature = "redis")]
mod background;
mod per_runtime;

#[cfg(feature = "redis")]
pub(crate) use self::background::{Pulse, background};
pub(crate) use self::per_runtime::{Idle, Own, PerRuntime};
