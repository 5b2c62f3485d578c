//! One attempt for all who wait for its end.

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, ready},
};
use tokio::{runtime::Handle, task::AbortHandle};

use super::error::Error;
use crate::sync::{Mutex, lock};

/// What the attempts are for.
pub(super) struct Attempt {
    what: &'static str,
    running: Mutex<Option<Running>>,
}

pub(super) type End = Shared<BoxFuture<'static, Result<(), Error>>>;

struct Running {
    end: End,
    task: AbortHandle,
}

impl Attempt {
    pub(super) fn new(what: &'static str) -> Self {
        let running = Mutex::new(None);
        Self { what, running }
    }

    /// The end of the attempt that is under way, or of this one, which begins.
    /// It is a task of its own, so that it outlives a caller who gives up.
    pub(super) fn join<F>(&self, attempt: F) -> End
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let mut running = lock(&self.running);
        // A task that went down with its runtime is finished, too.
        let under_way = running.as_ref().filter(|it| !it.task.is_finished());
        match (under_way, Handle::try_current()) {
            (Some(it), _) => it.end.clone(),
            (None, Ok(runtime)) => running.insert(self.start(&runtime, attempt)).end.clone(),
            (None, Err(_)) => ready(Err(Error::no_runtime())).boxed().shared(),
        }
    }

    fn start<F>(&self, runtime: &Handle, attempt: F) -> Running
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let what = self.what;
        let task = runtime.spawn(attempt);
        let abort = task.abort_handle();
        let end = task.map(move |end| {
            end.unwrap_or_else(|cut| {
                // What a panic says may be anything.
                let why = if cut.is_panic() {
                    "it panicked"
                } else {
                    "its runtime has ended"
                };
                Err(Error::unreachable(what, why))
            })
        });
        Running {
            end: end.boxed().shared(),
            task: abort,
        }
    }
}
