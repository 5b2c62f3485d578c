//! Which tokio runtime drives shared tasks, timers and connections.
//!
//! They go on only while their runtime is driven: a runtime of one thread
//! stands still between two calls of `block_on`, and while a task blocks its
//! thread. So no runtime may have to wait for another one. Connections and
//! timers, which serve callers, exist once for each runtime, in a
//! [`PerRuntime`]. Tasks that go on by themselves, such as listening for
//! messages, run in the
//! [`background`](background()).

#[cfg(feature = "redis")]
mod background;
mod per_runtime;

#[cfg(feature = "redis")]
pub(crate) use self::background::{Pulse, background};
#[cfg(feature = "redis")]
pub(crate) use self::per_runtime::Own;
pub(crate) use self::per_runtime::{Idle, PerRuntime};
