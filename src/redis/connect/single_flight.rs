//! One attempt for all callers that need its result at the same time. Nodes
//! connect by it, and clusters learn their topology.

use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared, ready},
};
use tokio::{runtime::Handle, task::AbortHandle};

use crate::{
    redis::error::Error,
    runtime::{Idle, PerRuntime},
};

/// Attempts of one kind. Each runtime makes its own, because one that another
/// runtime has begun may never end.
pub(crate) struct SingleFlight {
    /// The name of the attempt in errors.
    what: &'static str,
    /// The last attempt of each runtime, which may have ended.
    flights: PerRuntime<Option<Flight>>,
}

/// The result of an attempt, for everyone who waits for it.
pub(crate) type FlightResult = Shared<BoxFuture<'static, Result<(), Error>>>;

/// An attempt under way.
struct Flight {
    /// Its result, for callers that join.
    result: FlightResult,
    /// Shows whether it has ended. It is never used to abort.
    task: AbortHandle,
}

impl Flight {
    /// A task that ended with its runtime has finished, too.
    fn has_ended(&self) -> bool {
        self.task.is_finished()
    }
}

impl Idle for Option<Flight> {
    fn is_idle(&self) -> bool {
        self.as_ref().is_none_or(Flight::has_ended)
    }
}

impl SingleFlight {
    /// No attempt is under way.
    pub(crate) fn new(what: &'static str) -> Self {
        let flights = PerRuntime::default();
        Self { what, flights }
    }

    /// Returns the result of the attempt under way on this runtime, or begins
    /// this one. An attempt is a task, so it outlives a caller that gives up.
    ///
    /// A failed attempt is shared, too: its callers get the same error, and the
    /// next caller begins a new one.
    pub(crate) fn join<F>(&self, attempt: F) -> FlightResult
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else {
            return ready(Err(Error::no_runtime())).boxed().shared();
        };
        let mut flight = self.flights.of(runtime.id());
        match flight.as_ref().filter(|it| !it.has_ended()) {
            Some(flight) => flight.result.clone(),
            None => flight.insert(self.start(&runtime, attempt)).result.clone(),
        }
    }

    /// Begins an attempt as a task of this runtime.
    fn start<F>(&self, runtime: &Handle, attempt: F) -> Flight
    where
        F: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let what = self.what;
        let task = runtime.spawn(attempt);
        let abort = task.abort_handle();
        let result = task.map(move |ended| {
            ended.unwrap_or_else(|error| {
                // The message of a panic is left out: it may hold a secret.
                let reason = match error.is_panic() {
                    true => "it panicked",
                    false => "its runtime has ended",
                };
                Err(Error::unreachable(what, reason))
            })
        });
        Flight {
            result: result.boxed().shared(),
            task: abort,
        }
    }
}
