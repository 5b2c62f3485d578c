//! The public runner of work that is done once, without HTTP.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::Instrument;

use super::{error::RunError, outcome::RunOutcome, value};
use crate::deadline;
use crate::idempotency::{
    claimant::{Claimant, Claimed},
    fingerprint::Fingerprint,
    guard::{CompletionStatus, Guard},
    lease::Lease,
    scope::Name,
    store::Store,
    tracker::Tracker,
    waiting::{Caller, Waiting},
};

/// Does work once for each name, for consumers of queues and for jobs.
///
/// The work runs in its own task, under the current deadline and span. If the
/// caller is dropped, it goes on to its end. The [tracker](Self::tracker) knows
/// the work that still runs when the process is to end.
///
/// The returned value is stored as JSON, and duplicates get it. If the store
/// has no room for the value, or it cannot be written as JSON, only the fact
/// that the work was done is stored, and duplicates get
/// [`Omitted`](RunError::Omitted).
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sluicegate::idempotency::RunError<std::io::Error>> {
/// use sluicegate::idempotency::{Fingerprint, Local, RunOutcome, Runner, Scope};
///
/// let runner = Runner::new(Local::new());
/// for delivery in 1..=2 {
///     let name = Scope::new("mails").name("order 17");
///     let sent = runner.run_once(name, Fingerprint::of("to Ann"), move || async move {
///         Ok::<_, std::io::Error>(format!("sent on delivery {delivery}"))
///     });
///     assert_eq!(sent.await?.into_inner(), "sent on delivery 1");
/// }
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a runner does nothing by itself"]
pub struct Runner<S> {
    /// Claims the work in the store.
    claimant: Claimant<S>,
    /// How duplicates wait; `None` if they do not.
    waiting: Option<Waiting>,
    /// Decides about the lease after an error.
    on_error: OnError,
}

/// Decides what happens to the lease of work that returned an error.
///
/// Unless set, a [`Runner`] releases it, and an
/// [`IdempotencyLayer`](crate::idempotency::IdempotencyLayer) lets it lapse.
///
/// To store an error as the outcome, return `Ok(Err(error))`.
///
/// ```
/// use sluicegate::idempotency::{Local, OnError, Runner};
///
/// // An error of a payment does not show whether it was made.
/// let runner = Runner::new(Local::new()).on_error(OnError::Lapse);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// The error means that the work was not done: the lease is released, and a
    /// retry may begin at once.
    #[default]
    Release,
    /// The work may have been done in part: the lease lapses, as after a panic.
    Lapse,
}

impl<S: Store> Runner<S> {
    /// Creates a runner over this store, with the settings of
    /// [`Claimant::new`]. Duplicates do not wait.
    pub fn new(store: S) -> Self {
        Self::over(Claimant::new(store))
    }

    /// Creates a runner that claims by this claimant.
    ///
    /// ```
    /// use std::time::Duration;
    /// use sluicegate::idempotency::{Claimant, Local, Runner, Takeover};
    ///
    /// let claimant = Claimant::new(Local::new()).takeover(Takeover::Refuse);
    /// let runner = Runner::over(claimant.lease(Duration::from_secs(60)));
    /// ```
    pub fn over(claimant: Claimant<S>) -> Self {
        Self {
            claimant,
            waiting: None,
            on_error: OnError::default(),
        }
    }

    /// Lets duplicates wait for the first one.
    pub fn wait(self, waiting: Waiting) -> Self {
        let waiting = Some(waiting);
        Self { waiting, ..self }
    }

    /// Sets what happens to the lease of work that returned an error. The
    /// default is [`OnError::Release`].
    pub fn on_error(self, on_error: OnError) -> Self {
        Self { on_error, ..self }
    }

    /// Returns the tracker of the work that still runs.
    pub fn tracker(&self) -> &Tracker {
        self.claimant.tracker()
    }

    /// Does the work, unless it was done before.
    ///
    /// If the future is dropped, the work goes on. A duplicate that waits stops
    /// waiting.
    ///
    /// # Errors
    ///
    /// If the work failed or was refused, or if its outcome is unknown.
    pub async fn run_once<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Result<RunOutcome<T>, RunError<E>>
    where
        W: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        self.run_leased(name, fingerprint, |_| work()).await
    }

    /// Does work that gets its [`Lease`], for example to pass on the fencing
    /// token.
    ///
    /// # Errors
    ///
    /// As for [`run_once`](Self::run_once).
    pub async fn run_leased<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Result<RunOutcome<T>, RunError<E>>
    where
        W: FnOnce(Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        let mut caller = Caller::new(&self.claimant, self.waiting.as_ref());
        let mut work = work;
        loop {
            let (left, unused) = match self.spawn(name, fingerprint, work).await {
                Attempt::Ended(end) => return caller.answered(end),
                Attempt::Running { left, work } => (left, work),
            };
            // The work was not started, so the next claim may use it.
            work = unused;
            if !caller.settled(name, left).await {
                return Err(RunError::Running { left });
            }
        }
    }

    /// Claims and does the work in a task, so that the caller cannot drop it.
    async fn spawn<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Attempt<W, T, E>
    where
        W: FnOnce(Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        let (runner, begun) = (self.clone(), Instant::now());
        let attempt = async move { runner.attempt(name, fingerprint, work).await };
        // A task has neither the deadline nor the span of its caller by itself.
        let attempt = deadline::carry(attempt).in_current_span();
        match self.tracker().spawn(attempt).await {
            Ok(attempt) => attempt,
            Err(error) => Attempt::Ended(Err(RunError::of_task(error, begun.elapsed()))),
        }
    }

    /// Claims the work, and does it if the claim may run.
    async fn attempt<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Attempt<W, T, E>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<T, E>>,
        T: Serialize + DeserializeOwned,
    {
        Attempt::Ended(match self.claimant.try_claim(name, fingerprint).await {
            Ok(Claimed::Run(guard)) => self.work(guard, work).await,
            Ok(Claimed::Replay(record)) => value::read(record).map(RunOutcome::Replayed),
            Ok(Claimed::Mismatch) => Err(RunError::Mismatch),
            Ok(Claimed::Running { left }) => return Attempt::Running { left, work },
            Ok(Claimed::Unknown) => Err(RunError::Unknown),
            Err(error) => Err(RunError::Store(error)),
        })
    }

    /// Does the work under its guard.
    async fn work<W, F, T, E>(&self, guard: Guard<S>, work: W) -> Result<RunOutcome<T>, RunError<E>>
    where
        W: FnOnce(Lease) -> F,
        F: Future<Output = Result<T, E>>,
        T: Serialize,
    {
        match (work(guard.lease().clone()).await, self.on_error) {
            (Ok(value), _) => done(guard, value).await,
            (Err(error), OnError::Lapse) => Err(RunError::Failed(error)),
            (Err(error), OnError::Release) => {
                guard.release().await;
                Err(RunError::Failed(error))
            }
        }
    }
}

/// Stores the value of work that was done.
async fn done<S: Store, T: Serialize, E>(
    guard: Guard<S>,
    value: T,
) -> Result<RunOutcome<T>, RunError<E>> {
    match guard.complete(value::record(&value)).await {
        CompletionStatus::Saved => Ok(RunOutcome::Ran(value)),
        CompletionStatus::Unsaved => Ok(RunOutcome::Unsaved(value)),
        CompletionStatus::Lost => Err(RunError::Lost),
    }
}

/// The result of one claim, and of the work if the claim was granted.
enum Attempt<W, T, E> {
    /// The caller gets this: the work was done, replayed or refused.
    Ended(Result<RunOutcome<T>, RunError<E>>),
    /// Another holder is at work. The work was not started, and is given back.
    Running { left: Duration, work: W },
}
