//! The signals that begin and abort a drain.

use std::io;

use super::{drain::Drain, stage::Stage};

impl Drain {
    /// Begins the drain with the first SIGTERM or Ctrl-C, and aborts it with the
    /// second. On systems without SIGTERM, it listens for Ctrl-C.
    ///
    /// It listens from this call on, and for the rest of the process, so that
    /// these signals no longer end the process by themselves.
    ///
    /// # Errors
    ///
    /// When the system refuses the handlers.
    ///
    /// # Panics
    ///
    /// When it is called outside of a tokio runtime.
    pub fn listen(&self) -> io::Result<()> {
        let mut signals = ProcessSignals::new()?;
        let drain = self.clone();
        tokio::spawn(async move {
            while drain.stage() < Stage::Aborting {
                signals.next().await;
                drain.signal();
            }
        });
        Ok(())
    }
}

/// SIGTERM and Ctrl-C.
#[cfg(unix)]
#[derive(Debug)]
struct ProcessSignals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl ProcessSignals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        std::future::poll_fn(|cx| {
            let interrupted = self.interrupt.poll_recv(cx).is_ready();
            match interrupted || self.terminate.poll_recv(cx).is_ready() {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}

/// Ctrl-C.
#[cfg(windows)]
#[derive(Debug)]
struct ProcessSignals(tokio::signal::windows::CtrlC);

#[cfg(windows)]
impl ProcessSignals {
    fn new() -> io::Result<Self> {
        tokio::signal::windows::ctrl_c().map(Self)
    }

    async fn next(&mut self) {
        self.0.recv().await;
    }
}
