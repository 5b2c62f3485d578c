//! Questions share calls: what is asked while a call is under way rides in the
//! next one.
//!
//! Whoever finds nobody else asking calls for itself, without a detour. All
//! others line up, and a task takes all that waits into one call, and again,
//! until nothing waits. So nothing is held back to make a call larger: calls
//! grow by themselves when more is asked than calls come back.
//!
//! Each runtime asks its own questions: the tasks of another one may be held up.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use ahash::RandomState;
use tokio::{
    runtime::{Handle, Id},
    sync::oneshot,
    time::Instant,
};

use super::{
    batch::Batch,
    client::Shared,
    request::{Answer, Ask},
};
use crate::{
    limit::rules::script::Scripted,
    redis::Error,
    runtime::{Idle, Own, PerRuntime, background},
};

/// Questions in one call, at most. More would gain little, and keep the server
/// from everyone else for longer.
const LARGEST_CALL: usize = 256;

/// Calls of queued questions under way at a time: while the server works on
/// one, the next is on its way.
const WORKERS: usize = 2;

/// The questions of one limiter that wait for a call.
#[derive(Default)]
pub(super) struct Queue {
    states: PerRuntime<State>,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    /// Tasks that take from it.
    workers: usize,
    /// Whether someone calls for itself.
    direct: bool,
}

/// A question, and who wants to know.
pub(super) struct Job {
    ask: Ask,
    asker: Asker,
}

struct Asker {
    /// When it must have been answered.
    until: Instant,
    /// `None` where nobody wants to know.
    reply: Option<oneshot::Sender<Reply>>,
}

pub(super) type Reply = Result<Answer, Error>;

/// How a question is asked.
pub(super) enum Route {
    /// By the caller, who must hold on to this runtime's way until it has the answer.
    Direct(Ask),
    /// With others, until then.
    Queued(oneshot::Receiver<Reply>, Instant),
}

impl<R: Scripted> Shared<R> {
    /// The way for this question. `alone` says whether the caller may call for
    /// itself.
    pub(super) fn route(
        self: &Arc<Self>,
        runtime: &Handle,
        ask: Ask,
        alone: bool,
    ) -> Result<Route, Error> {
        if !self.coalesce && alone {
            return Ok(Route::Direct(ask));
        }
        let mut state = self.queue.of(runtime.id());
        if alone && state.workers == 0 && !state.direct {
            state.direct = true;
            return Ok(Route::Direct(ask));
        }
        drop(state);
        let (reply, answer) = oneshot::channel();
        let until = self.push(runtime, ask, Some(reply))?;
        Ok(Route::Queued(answer, until))
    }

    /// Asks without wanting to know.
    pub(super) fn tell(self: &Arc<Self>, ask: Ask) {
        // Who cannot be told now is told by the key's expiry.
        let runtime = Handle::try_current().unwrap_or_else(|_| background());
        let _ = self.push(&runtime, ask, None);
    }

    fn push(
        self: &Arc<Self>,
        runtime: &Handle,
        ask: Ask,
        reply: Option<oneshot::Sender<Reply>>,
    ) -> Result<Instant, Error> {
        let until = Instant::now() + self.connection.timeout();
        let asker = Asker { until, reply };
        let hires = {
            let mut state = self.queue.of(runtime.id());
            if state.jobs.len() >= self.capacity {
                self.counters.overloaded();
                return Err(Error::overloaded(self.capacity));
            }
            state.jobs.push_back(Job { ask, asker });
            let hires = state.workers < WORKERS;
            state.workers += usize::from(hires);
            hires
        };
        if hires {
            // Not while the queue is locked: a runtime that is closing drops the
            // worker at once, and that locks it, too.
            runtime.spawn(work(Worker {
                shared: self.clone(),
                runtime: runtime.id(),
                dismissed: false,
            }));
        }
        Ok(until)
    }

    /// The caller of this runtime who called for itself is done.
    pub(super) fn left(&self, runtime: Id) {
        self.queue.of(runtime).direct = false;
    }

    /// Everything that waits, as far as it fits into a call; `None` lets the
    /// worker go.
    fn next_jobs(&self, runtime: Id) -> Option<Vec<Job>> {
        let mut state = self.queue.of(runtime);
        if state.jobs.is_empty() {
            state.workers -= 1;
            return None;
        }
        let size = state.jobs.len().min(LARGEST_CALL);
        Some(state.jobs.drain(..size).collect())
    }

    /// Asks the questions of one call. In a cluster each bucket is on a node of
    /// its own, so there each has its own call.
    async fn work_off(self: &Arc<Self>, jobs: Vec<Job>) {
        if !self.connection.is_cluster() {
            return self.call(jobs).await;
        }
        let calls = by_bucket(jobs).map(|jobs| self.call(jobs));
        futures_util::future::join_all(calls).await;
    }

    async fn call(self: &Arc<Self>, jobs: Vec<Job>) {
        let (now, within) = (Instant::now(), self.connection.timeout());
        let wanted = jobs
            .into_iter()
            .filter_map(|job| job.still_wanted(now, within));
        let (asks, mut askers): (Vec<_>, Vec<_>) = wanted.unzip();
        if asks.is_empty() {
            return;
        }
        let batch = Batch::of(asks);
        let reply = self.send(&batch).await;
        self.settle(&batch, reply, |position, answer| {
            let (ask, asker) = (&batch.asks()[position], &mut askers[position]);
            if let Err(Ok(missed)) = asker.tell(answer) {
                self.missed(ask, &missed);
            }
        });
    }
}

/// Works questions off for as long as there are any.
async fn work<R: Scripted>(mut worker: Worker<R>) {
    while let Some(jobs) = worker.shared.next_jobs(worker.runtime) {
        worker.shared.work_off(jobs).await;
    }
    worker.dismissed = true;
}

/// A task that works questions off.
struct Worker<R: Scripted> {
    shared: Arc<Shared<R>>,
    runtime: Id,
    dismissed: bool,
}

impl<R: Scripted> Drop for Worker<R> {
    /// Its runtime ended before it was done: what it had drawn is lost, and
    /// what nobody will work off any more must not wait.
    fn drop(&mut self) {
        if self.dismissed {
            return;
        }
        let mut state = self.shared.queue.of(self.runtime);
        state.workers -= 1;
        let lost = match state.workers {
            0 => std::mem::take(&mut state.jobs),
            _ => VecDeque::new(),
        };
        drop(state);
        // Who hears of it may ask again at once.
        drop(lost);
    }
}

impl Queue {
    fn of(&self, runtime: Id) -> Own<'_, State> {
        self.states.of(runtime)
    }
}

impl Idle for State {
    fn is_idle(&self) -> bool {
        self.jobs.is_empty() && self.workers == 0 && !self.direct
    }
}

impl Job {
    /// A question that nobody waits for any more is not asked: it would be
    /// charged for nothing. One whose time is up is answered.
    fn still_wanted(mut self, now: Instant, within: Duration) -> Option<(Ask, Asker)> {
        let Asker { until, reply } = &self.asker;
        let is_late = reply.is_some() && *until <= now;
        if reply.as_ref().is_some_and(oneshot::Sender::is_closed) {
            return None;
        }
        if is_late {
            let _ = self.asker.tell(Err(Error::late(within)));
            return None;
        }
        Some((self.ask, self.asker))
    }
}

impl Asker {
    /// Gives the answer back if nobody is there for it.
    fn tell(&mut self, answer: Reply) -> Result<(), Reply> {
        match self.reply.take() {
            Some(reply) => reply.send(answer),
            None => Err(answer),
        }
    }
}

fn by_bucket(jobs: Vec<Job>) -> impl Iterator<Item = Vec<Job>> {
    let mut buckets: HashMap<u64, Vec<Job>, RandomState> = HashMap::default();
    for job in jobs {
        buckets.entry(job.ask.bucket.key).or_default().push(job);
    }
    buckets.into_values()
}
