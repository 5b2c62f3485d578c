//! Work that is done once, without HTTP.

use std::{future::Future, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use tokio::time::Instant;
use tracing::Instrument;

use super::{error::RunError, outcome::Outcome, value};
use crate::deadline;
use crate::idempotency::{
    claimant::{Claimant, Claimed},
    fingerprint::Fingerprint,
    guard::{CompletionStatus, Guard},
    lease::Lease,
    observe::Event,
    scope::Name,
    store::Store,
    tracker::Tracker,
    waiting::{WaitPermit, Waiting},
};

/// Does work once for each name, for consumers of queues and for jobs.
///
/// The work runs in a task of its own, under the current deadline and span: whoever
/// asked for it may be dropped, and it goes on to its end. What is still running
/// when the process is to end is known to its [tracker](Self::tracker).
///
/// What it returns is kept, as JSON, and given to whoever asks again. A value that
/// the store has no room for is not kept, but that it was done is.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), sluicegate::idempotency::RunError<std::io::Error>> {
/// use sluicegate::idempotency::{Fingerprint, Local, Outcome, Runner, Scope};
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
#[must_use = "it runs nothing by itself"]
pub struct Runner<S> {
    claimant: Claimant<S>,
    waiting: Option<Waiting>,
    on_error: OnError,
}

/// What becomes of work that returned an error.
///
/// To keep an error as the outcome, return `Ok(Err(error))`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum OnError {
    /// It says itself that it was not done, so it is released, and the next may
    /// begin at once.
    #[default]
    Release,
    /// It may have been done in part: its lease lapses, as after a panic.
    Lapse,
}

impl<S: Store> Runner<S> {
    /// Work in this store, with the settings of [`Claimant::new`]; duplicates do
    /// not wait.
    pub fn new(store: S) -> Self {
        Self::over(Claimant::new(store))
    }

    /// Work that is claimed so.
    pub fn over(claimant: Claimant<S>) -> Self {
        Self {
            claimant,
            waiting: None,
            on_error: OnError::default(),
        }
    }

    /// Lets duplicates wait for the first one to end.
    pub fn wait(self, waiting: Waiting) -> Self {
        let waiting = Some(waiting);
        Self { waiting, ..self }
    }

    /// What becomes of work that returned an error.
    pub fn on_error(self, on_error: OnError) -> Self {
        Self { on_error, ..self }
    }

    /// What is still running, whether anybody waits for it or not.
    pub fn tracker(&self) -> &Tracker {
        self.claimant.tracker()
    }

    /// Does the work, unless it was done before.
    ///
    /// Dropped, it leaves the work running; one that only waits for another's work
    /// no longer does.
    ///
    /// # Errors
    ///
    /// When the work failed, was refused, or nobody knows how it ended.
    pub async fn run_once<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Result<Outcome<T>, RunError<E>>
    where
        W: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        self.run_leased(name, fingerprint, |_| work()).await
    }

    /// The same for work that is to know of its [`Lease`].
    ///
    /// # Errors
    ///
    /// As for [`run_once`](Self::run_once).
    pub async fn run_leased<W, F, T, E>(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        work: W,
    ) -> Result<Outcome<T>, RunError<E>>
    where
        W: FnOnce(Lease) -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send,
        T: Serialize + DeserializeOwned + Send + 'static,
        E: Send + 'static,
    {
        let (mut work, mut wait) = (work, None);
        loop {
            let (left, unused) = match self.spawn(name, fingerprint, work).await {
                Attempt::CompletionStatus(end) => return self.ended(end, wait.is_some()),
                Attempt::Running { left, work } => (left, work),
            };
            work = unused;
            if !self.settled(&mut wait, name, left).await {
                self.claimant.notice(Event::Running);
                return Err(RunError::Running { left });
            }
        }
    }

    /// Claims and works where nobody can drop it.
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
        let attempt = deadline::carry(attempt).in_current_span();
        match self.tracker().spawn(attempt).await {
            Ok(attempt) => attempt,
            Err(error) => Attempt::CompletionStatus(Err(RunError::of_task(error, begun.elapsed()))),
        }
    }

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
        Attempt::CompletionStatus(match self.claimant.try_claim(name, fingerprint).await {
            Ok(Claimed::Run(guard)) => self.work(guard, work).await,
            Ok(Claimed::Replay(record)) => value::read(record).map(Outcome::Replayed),
            Ok(Claimed::Mismatch) => Err(RunError::Mismatch),
            Ok(Claimed::Running { left }) => return Attempt::Running { left, work },
            Ok(Claimed::Unknown) => Err(RunError::Unknown),
            Err(error) => Err(RunError::Store(error)),
        })
    }

    async fn work<W, F, T, E>(&self, guard: Guard<S>, work: W) -> Result<Outcome<T>, RunError<E>>
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

    /// Whether it is time to try again.
    async fn settled(&self, wait: &mut Option<WaitPermit>, name: Name, left: Duration) -> bool {
        if wait.is_none() {
            *wait = self.waiting.as_ref().and_then(Waiting::begin);
        }
        match wait {
            Some(wait) => wait.settled(self.claimant.store(), name, left).await,
            None => false,
        }
    }

    fn ended<R>(&self, end: R, waited: bool) -> R {
        if waited {
            self.claimant.notice(Event::Waited);
        }
        end
    }
}

async fn done<S: Store, T: Serialize, E>(
    guard: Guard<S>,
    value: T,
) -> Result<Outcome<T>, RunError<E>> {
    match guard.complete(value::record(&value)).await {
        CompletionStatus::Saved => Ok(Outcome::Ran(value)),
        CompletionStatus::Unsaved => Ok(Outcome::Unsaved(value)),
        CompletionStatus::Lost => Err(RunError::Lost),
    }
}

/// One claim, and what came of it.
enum Attempt<W, T, E> {
    CompletionStatus(Result<Outcome<T>, RunError<E>>),
    /// Another runs, so the work was not used.
    Running {
        left: Duration,
        work: W,
    },
}
