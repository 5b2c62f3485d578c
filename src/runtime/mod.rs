//! Which tokio runtime drives shared tasks, timers and connections.
//!
//! They go on only while their runtime is driven: a runtime of one thread stands
//! still between two calls of `block_on`, and while a task blocks its thread. So
//! no runtime may have to wait for another one. What serves callers, such as
//! connections and timers, exists once for each runtime, in a [`PerRuntime`].
//! What goes on by itself, such as listening for messages, runs in the
//! [`background`](background()).

#[cfg(feature = "redis")]
mod background;
mod per_runtime;

#[cfg(feature = "redis")]
pub(crate) use self::background::{Pulse, background};
#[cfg(feature = "redis")]
pub(crate) use self::per_runtime::Own;
pub(crate) use self::per_runtime::{Idle, PerRuntime};
