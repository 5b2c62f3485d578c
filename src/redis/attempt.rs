//! One attempt for all who wait for its end.

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, ready},
};
use tokio::{runtime::Handle, task::AbortHandle};

use super::error::Error;
use crate::runtime::{Idle, PerRuntime};

/// What the attempts are for. Each runtime makes its own, because one that another
/// runtime has begun may never end.
pub(super) struct Attempt {
    what: &'static str,
    running: PerRuntime<Option<Running>>,
}

pub(super) type End = Shared<BoxFuture<'static, Result<(), Error>>>;

struct Running {
    end: End,
    task: AbortHandle,
}

impl Running {
    /// A task that went down with its runtime is finished, too.
    fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Idle for Option<Running> {
    fn is_idle(&self) -> bool {
        self.as_ref().is_none_or(Running::has_ended)
    }
}

impl Attempt {
    pub(super) fn new(what: &'static str) -> Self {
        let running = PerRuntime::default();
        Self { what, running }
    }

    /// The end of the attempt that is under way on this runtime, or of this one,
    /// which begins.
    /// It is a task of its own, so that it outlives a caller who gives up.
    pub(super) fn join<F>(&self, attempt: F) -> End
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return ready(Err(Error::no_runtime())).boxed().shared();
        };
        let mut running = self.running.of(runtime.id());
        match running.as_ref().filter(|it| !it.has_ended()) {
            Some(it) => it.end.clone(),
            None => running.insert(self.start(&runtime, attempt)).end.clone(),
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
