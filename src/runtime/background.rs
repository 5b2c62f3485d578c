//! A runtime of this crate's own, and a way to know when others end.

use std::{future::pending, io, sync::LazyLock, thread};

use tokio::{
    runtime::{Builder, Handle},
    task::AbortHandle,
};

/// Where there is none, the operating system has no thread to spare.
static BACKGROUND: LazyLock<Option<Handle>> = LazyLock::new(|| start().ok());

/// The runtime for what goes on though nobody waits for it. It is a thread, from its
/// first use to the end of the process, so that it does not matter what becomes of the
/// runtime that asks. It goes by real time, also where the caller's clock is paused.
///
/// # Panics
///
/// If no thread could be started, and this is not called from a tokio runtime.
pub(crate) fn background() -> Handle {
    BACKGROUND.clone().unwrap_or_else(Handle::current)
}

fn start() -> io::Result<Handle> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    thread::Builder::new()
        .name("sluicegate".into())
        .spawn(move || runtime.block_on(pending::<()>()))?;
    Ok(handle)
}

/// Says whether a runtime has ended: by a task of it that does nothing.
pub(crate) struct Pulse(AbortHandle);

impl Pulse {
    pub(crate) fn of(runtime: &Handle) -> Self {
        Self(runtime.spawn(pending::<()>()).abort_handle())
    }

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
