//! The law of priorities, through the layer and in virtual time: when a request
//! is refused, no request of a lower rank is in the queue, or would be admitted
//! at that instant.

use std::{
    convert::Infallible,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Request, Response};
use sluicegate::{
    clock::Manual,
    concurrency::{
        Ask, Cohorts, ConcurrencyLayer, Direct, Entry, Local, Prioritize, Priority, Queue, Rank,
        ResponseBody, Shed,
    },
    criticality::Criticality,
    key,
    refusal::Refusal,
};
use tokio::sync::oneshot;
use tower::{Layer, ServiceExt, service_fn};

use super::sim::Dice;

type Answer = Result<Response<ResponseBody<String>>, Infallible>;

/// A request that has no response yet.
struct Call {
    id: usize,
    rank: Rank,
    future: Pin<Box<dyn Future<Output = Answer>>>,
}

/// The number of a request in service, and what ends it.
type Running = (usize, oneshot::Sender<()>);

/// Plays random requests to a layer with a queue of three around two permits.
struct Game {
    permits: Local<Direct>,
    calls: Vec<Call>,
    /// The requests in service, with what ends them.
    running: Arc<Mutex<Vec<Running>>>,
    dice: Dice,
    refused: [usize; Shed::ALL.len()],
}

impl Game {
    fn new(seed: u64) -> Self {
        let queue = Queue::new(3).max_wait(Duration::from_millis(20));
        Self {
            permits: Local::builder(3)
                .queue(queue)
                .reserve(Criticality::Critical, 0.3)
                .build(),
            calls: Vec::new(),
            running: Arc::default(),
            dice: Dice::new(seed),
            refused: Default::default(),
        }
    }

    fn pick(&self, below: usize) -> usize {
        (self.dice.fraction() * below as f64) as usize
    }

    /// Polls all calls, and checks the law for those that are refused.
    fn poll(&mut self) {
        let mut refused = Vec::new();
        // The call that was polled last may have refused one that waits.
        for _ in 0..2 {
            self.poll_once(&mut refused);
        }
        for (rank, shed) in refused {
            let shed = shed.expect("a limit refused it");
            self.refused[Shed::ALL.iter().position(|it| *it == shed).unwrap()] += 1;
            self.assert_law(rank, shed);
        }
    }

    fn poll_once(&mut self, refused: &mut Vec<(Rank, Option<Shed>)>) {
        let mut cx = Context::from_waker(Waker::noop());
        self.calls.retain_mut(|call| {
            let Poll::Ready(response) = call.future.as_mut().poll(&mut cx) else {
                return true;
            };
            let response = response.unwrap();
            if let Some(refusal) = response.extensions().get::<Refusal>() {
                refused.push((call.rank, refusal.shed_by()));
            }
            false
        });
    }

    fn assert_law(&self, rank: Rank, shed: Shed) {
        let running = self.running.lock().unwrap();
        let is_running = |call: &&Call| running.iter().any(|(id, _)| *id == call.id);
        let mut waiting = self.calls.iter().filter(|call| !is_running(call));
        let lower = waiting.find(|call| call.rank < rank).map(|call| call.rank);
        assert_eq!(lower, None, "{rank} was refused: {shed}");
        if let Some(lower) = below(rank) {
            let entry = self.permits.acquire(Ask::new().rank(lower));
            assert!(!matches!(entry, Entry::Admitted(_)), "{lower} would pass");
        }
    }
}

/// Returns the next lower rank.
fn below(rank: Rank) -> Option<Rank> {
    match rank.cohort() {
        127 => {
            let level = rank.criticality() as usize;
            Some(Rank::new(*Criticality::ALL.get(level.checked_sub(1)?)?, 0))
        }
        cohort => Some(Rank::new(rank.criticality(), cohort + 1)),
    }
}

/// Plays one game.
async fn play(seed: u64) -> [usize; Shed::ALL.len()] {
    let mut game = Game::new(seed);
    let running = game.running.clone();
    let handler = service_fn(move |req: Request<()>| {
        let (end, ended) = oneshot::channel();
        let id = *req.extensions().get::<usize>().unwrap();
        running.lock().unwrap().push((id, end));
        async move {
            let _ = ended.await;
            Ok::<_, Infallible>(Response::new(String::new()))
        }
    });
    let cohorts = Cohorts::clocked([1; 16], Manual::new());
    let priority = Priority::header()
        .default_level(Criticality::CriticalPlus)
        .principal(key::header("x-user"), cohorts);
    let service = ConcurrencyLayer::new(game.permits.clone())
        .priority(priority.clone())
        .layer(handler);
    for id in 0..1_200 {
        match game.pick(4) {
            0 | 1 => {
                let level = Criticality::ALL[game.pick(4)];
                let mut req = Request::new(());
                level.write(req.headers_mut());
                let user = game.pick(1_000).into();
                req.headers_mut().insert("x-user", user);
                req.extensions_mut().insert(id);
                let rank = priority.rank(&req).unwrap();
                let future = Box::pin(service.clone().oneshot(req));
                game.calls.push(Call { id, rank, future });
            }
            2 => {
                let mut running = game.running.lock().unwrap();
                if !running.is_empty() {
                    let which = game.pick(running.len());
                    let _ = running.swap_remove(which).1.send(());
                }
            }
            _ => tokio::time::advance(Duration::from_millis(10)).await,
        }
        game.poll();
    }
    game.refused
}

#[tokio::test(start_paused = true)]
async fn no_request_is_refused_while_a_lower_rank_waits_or_would_be_admitted() {
    let mut refused = [0; Shed::ALL.len()];
    for seed in 0..40 {
        let of_game = play(seed).await;
        refused
            .iter_mut()
            .zip(of_game)
            .for_each(|(sum, it)| *sum += it);
    }
    // All the ways in which a limit refuses, but for those of deadlines.
    for shed in [
        Shed::Full,
        Shed::Reserved,
        Shed::CutOff,
        Shed::Outranked,
        Shed::TimedOut,
    ] {
        let nth = Shed::ALL.iter().position(|it| *it == shed).unwrap();
        assert!(refused[nth] > 0, "{shed:?} of {refused:?}");
    }
}
