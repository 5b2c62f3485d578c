//! The crate's own runtime, and a way to know whether others have ended.
//!
//! Only features that talk to Redis need them: what they share must not depend
//! on a runtime of the user's.

use std::{future::pending, io, sync::LazyLock, thread};

use tokio::{
    runtime::{Builder, Handle},
    task::AbortHandle,
};

/// `None` if the operating system could not start a thread.
static BACKGROUND: LazyLock<Option<Handle>> = LazyLock::new(|| start().ok());

/// Returns the runtime for tasks that go on without a caller.
///
/// It is one thread, from its first use to the end of the process, so it does
/// not depend on the calling runtime. It goes by real time, also if the
/// caller's clock is paused. Without a thread, the calling runtime serves
/// instead.
///
/// # Panics
///
/// If no thread could be started, and this is called outside of a tokio
/// runtime.
pub(crate) fn background() -> Handle {
    BACKGROUND.clone().unwrap_or_else(Handle::current)
}

/// Starts the thread. Its runtime is never dropped.
fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("sluicegate".into())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}

/// Tells whether a runtime has ended, by a task on it that does nothing.
pub(crate) struct Pulse(AbortHandle);

impl Pulse {
    /// Spawns the task on `runtime`.
    pub(crate) fn of(runtime: &Handle) -> Self {
        Self(runtime.spawn(pending::<()>()).abort_handle())
    }

    /// Returns whether the runtime has shut down.
    pub(crate) fn has_ended(&self) -> bool {
        self.0.is_finished()
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_ends_with_its_runtime() {
        let runtime = Builder::new_current_thread().build().expect("a runtime");
        let pulse = Pulse::of(runtime.handle());
        runtime.block_on(tokio::task::yield_now());
        assert!(!pulse.has_ended());
        drop(runtime);
        assert!(pulse.has_ended());
    }

    #[test]
    fn the_background_goes_on_without_a_runtime() {
        let (tell, told) = std::sync::mpsc::channel();
        background().spawn(async move {
            tokio::task::yield_now().await;
            let _ = tell.send(());
        });
        assert_eq!(told.recv(), Ok(()));
    }
}
