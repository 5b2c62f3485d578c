//! Many tasks that ask without end, and what came of it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use futures_util::future::join_all;
use sluicegate::{
    limit::{Cost, Decision, FailClosed, Redis, TokenBucket},
    redis::{Error, ErrorKind},
};
use tokio::{
    task::{JoinHandle, yield_now},
    time::timeout,
};

use super::BUDGET;
use crate::connection::until;

const TASKS: usize = 256;

/// The results for the costs of one key.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) admitted: AtomicU64,
    pub(super) denied: AtomicU64,
    /// May have been charged.
    pub(super) unsure: AtomicU64,
    /// Was not charged.
    pub(super) refused: AtomicU64,
}

impl Tally {
    pub(super) fn add(&self, cost: Cost, answer: &Result<Decision, Error>) {
        let part = match answer.as_ref().map_err(Error::kind) {
            Ok(decision) if decision.is_admitted() => &self.admitted,
            Ok(_) => &self.denied,
            Err(ErrorKind::TimedOut | ErrorKind::Unreachable) => &self.unsure,
            Err(ErrorKind::CircuitOpen | ErrorKind::Server | ErrorKind::Overloaded) => {
                &self.refused
            }
            Err(_) => panic!("{answer:?}"),
        };
        part.fetch_add(cost, Relaxed);
    }

    pub(super) fn admitted(&self) -> u64 {
        self.admitted.load(Relaxed)
    }

    /// That nothing was charged twice, and nothing was admitted for nothing.
    pub(super) fn explains(&self, charged: Cost) {
        let admitted = self.admitted.load(Relaxed);
        let possible = admitted..=admitted + self.unsure.load(Relaxed);
        assert!(possible.contains(&charged), "{charged} charged: {self:?}");
    }

    /// The same after a failover, which forgets what had yet to be replicated.
    pub(super) fn may_have_lost(&self, charged: Cost) {
        let most = self.admitted.load(Relaxed) + self.unsure.load(Relaxed);
        assert!(charged <= most, "{charged} charged: {self:?}");
    }

    /// That every question was answered by Redis.
    pub(super) fn has_no_failures(&self) {
        let failures = self.unsure.load(Relaxed) + self.refused.load(Relaxed);
        assert_eq!(failures, 0, "{self:?}");
    }
}

/// Returns what a bucket has been charged.
pub(super) async fn charged(limiter: &Redis<TokenBucket, FailClosed>, key: &str) -> Cost {
    let peek = limiter.peek(key).await.expect("Redis answers");
    BUDGET - peek.remaining()
}

/// So many tasks that ask until they are told to end.
pub(super) struct Load {
    limiter: Redis<TokenBucket, FailClosed>,
    keys: Arc<[String]>,
    tallies: Arc<[Tally]>,
    done: Arc<AtomicBool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Load {
    pub(super) fn on(limiter: &Redis<TokenBucket, FailClosed>) -> Self {
        Self::of(limiter, (0..8).map(|key| key.to_string()))
    }

    pub(super) fn of(
        limiter: &Redis<TokenBucket, FailClosed>,
        keys: impl IntoIterator<Item = String>,
    ) -> Self {
        let keys: Arc<[String]> = keys.into_iter().collect();
        let mut load = Self {
            limiter: limiter.clone(),
            tallies: keys.iter().map(|_| Tally::default()).collect(),
            keys,
            done: Arc::default(),
            tasks: Vec::new(),
        };
        load.tasks = (0..TASKS).map(|task| load.task(task)).collect();
        load
    }

    fn task(&self, first: usize) -> JoinHandle<()> {
        let (limiter, keys) = (self.limiter.clone(), self.keys.clone());
        let (tallies, done) = (self.tallies.clone(), self.done.clone());
        tokio::spawn(async move {
            for step in first.. {
                let (place, cost) = (step % keys.len(), 1 + step as Cost / 3 % 2);
                tallies[place].add(cost, &limiter.check(&keys[place], cost).await);
                if done.load(Relaxed) {
                    return;
                }
                // Callers that are refused at once must not block the others.
                yield_now().await;
            }
        })
    }

    fn sum(&self, part: fn(&Tally) -> &AtomicU64) -> u64 {
        self.tallies
            .iter()
            .map(|tally| part(tally).load(Relaxed))
            .sum()
    }

    /// Until more came to this end than was under way.
    async fn until_more(&self, what: &str, part: fn(&Tally) -> &AtomicU64) {
        let enough = self.sum(part) + 4 * TASKS as u64;
        until(what, || async { self.sum(part) > enough }).await;
    }

    pub(super) async fn until_admitted(&self) {
        self.until_more("Redis admits", |tally| &tally.admitted)
            .await;
    }

    pub(super) async fn until_refused(&self) {
        self.until_more("calls are refused", |tally| &tally.refused)
            .await;
    }

    /// Some calls are lost, perhaps only a few.
    pub(super) async fn until_unsure(&self) {
        let before = self.sum(|tally| &tally.unsure);
        let lost = || async { self.sum(|tally| &tally.unsure) > before };
        until("calls are lost", lost).await;
    }

    /// Ends when all are answered.
    pub(super) async fn end(self) -> Accounts {
        self.done.store(true, Relaxed);
        let all = timeout(Duration::from_secs(20), join_all(self.tasks)).await;
        let all = all.expect("all are answered");
        all.into_iter().for_each(|task| task.expect("no panic"));
        Accounts {
            limiter: self.limiter,
            keys: self.keys,
            tallies: self.tallies,
        }
    }
}

/// The result of a load.
pub(super) struct Accounts {
    limiter: Redis<TokenBucket, FailClosed>,
    pub(super) keys: Arc<[String]>,
    pub(super) tallies: Arc<[Tally]>,
}

impl Accounts {
    /// That each bucket has lost what was taken from it.
    pub(super) async fn balance(&self) {
        for (key, tally) in self.keys.iter().zip(&*self.tallies) {
            tally.explains(charged(&self.limiter, key).await);
        }
    }

    /// That besides, every question was answered by Redis.
    pub(super) async fn balance_without_failures(&self) {
        self.tallies.iter().for_each(Tally::has_no_failures);
        self.balance().await;
    }

    /// That besides, it is known of each question whether it was charged.
    pub(super) async fn balance_without_doubts(&self) {
        let unsure = |tally: &Tally| tally.unsure.load(Relaxed);
        assert!(self.tallies.iter().all(|tally| unsure(tally) == 0));
        self.balance().await;
    }
}
