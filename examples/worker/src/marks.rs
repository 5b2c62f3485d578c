//! The idempotency store, which remembers what was charged.

use std::{future::Future, path::PathBuf, str::FromStr, time::Duration};

use serde::{Serialize, de::DeserializeOwned};
use sluicegate::{
    idempotency::{
        Claimant, Durable, Fingerprint, Local, Name, Redis, RunError, RunOutcome, Runner, Store,
        Takeover,
    },
    redis::Connection,
};

use crate::refused::Refused;

/// Which store it is, as `--marks` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum MarksAt {
    /// In this process. A kill forgets it.
    Memory,
    /// In this folder.
    Durable(PathBuf),
    /// In the Redis of `--redis`.
    Redis,
    /// Nowhere: the bench compares with work that is simply done.
    Nowhere,
}

impl FromStr for MarksAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.strip_prefix("durable:")) {
            ("memory", _) => Ok(Self::Memory),
            ("redis", _) => Ok(Self::Redis),
            (_, Some(path)) if !path.is_empty() => Ok(Self::Durable(path.into())),
            _ => Err("must be memory, durable:PATH or redis".into()),
        }
    }
}

/// The runner of each store.
#[derive(Clone, Debug)]
pub(crate) enum Marks {
    Memory(Runner<Local>),
    Durable(Runner<Durable>),
    Redis(Runner<Redis>),
    Nowhere,
}

impl Marks {
    /// Opens the store. Work with an unknown outcome is repeated after the lease,
    /// or refused.
    pub(crate) async fn open(
        at: &MarksAt,
        redis: Option<&Connection>,
        lease: Duration,
        takeover: Takeover,
    ) -> Result<Self, Refused> {
        Ok(match at {
            MarksAt::Memory => Self::Memory(runner(Local::new(), lease, takeover)),
            MarksAt::Durable(folder) => {
                let store = Durable::open(folder).await;
                let store = store.map_err(|error| Refused::new("--marks", error))?;
                Self::Durable(runner(store, lease, takeover))
            }
            MarksAt::Redis => {
                let redis = redis.ok_or_else(|| Refused::new("--marks", "redis needs --redis"))?;
                Self::Redis(runner(Redis::new("worker", redis), lease, takeover))
            }
            MarksAt::Nowhere => Self::Nowhere,
        })
    }

    /// Does the work once for each name.
    pub(crate) async fn run_once<W, F, T, E>(
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
        match self {
            Self::Memory(runner) => runner.run_once(name, fingerprint, work).await,
            Self::Durable(runner) => runner.run_once(name, fingerprint, work).await,
            Self::Redis(runner) => runner.run_once(name, fingerprint, work).await,
            Self::Nowhere => work().await.map(RunOutcome::Ran).map_err(RunError::Failed),
        }
    }

    /// Waits at most this long for work in the background. Returns how much is
    /// left.
    pub(crate) async fn drain(&self, at_most: Duration) -> usize {
        match self {
            Self::Memory(runner) => runner.tracker().drain(at_most).await,
            Self::Durable(runner) => runner.tracker().drain(at_most).await,
            Self::Redis(runner) => runner.tracker().drain(at_most).await,
            Self::Nowhere => 0,
        }
    }
}

fn runner<S: Store>(store: S, lease: Duration, takeover: Takeover) -> Runner<S> {
    Runner::over(Claimant::new(store).lease(lease).takeover(takeover))
}
