//! Work for the end, after the last request.

use std::{fmt, future::Future, pin::Pin};

use tokio::time::{Instant, timeout_at};

use crate::sync::{Mutex, lock};

/// Futures that run at the end, in the order in which they were added.
#[derive(Default)]
pub(crate) struct Hooks(Mutex<Vec<Hook>>);

struct Hook {
    name: &'static str,
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Hooks {
    pub(crate) fn add(&self, name: &'static str, work: impl Future<Output = ()> + Send + 'static) {
        let work = Box::pin(work);
        lock(&self.0).push(Hook { name, work });
    }

    /// Runs all hooks, each once, until this instant. Returns the names of those
    /// that did not end.
    pub(crate) async fn run(&self, until: Instant) -> Vec<&'static str> {
        let hooks = std::mem::take(&mut *lock(&self.0));
        let mut unfinished = Vec::new();
        for hook in hooks {
            if timeout_at(until, hook.work).await.is_err() {
                unfinished.push(hook.name);
            }
        }
        unfinished
    }
}

impl fmt::Debug for Hooks {
    debug_opaque!(Hooks);
}
