//! The laws of a limit, over random histories of requests, permits, limits,
//! cut-offs and time.
//!
//! * **Priorities**: when a request is refused, no request of a lower rank is in
//!   the queue or would be admitted. A deadline of its own is another matter.
//! * **Conservation**: the permits in flight are those that are alive, and none
//!   is given beyond the limit of its level.
//! * **No idle permit**: a request waits only while no permit is free for it.
//! * **Order**: of the requests of a level, the one that came first passes
//!   first, unless that has waited for too long.

use std::{task::Poll, time::Duration};

use proptest::{collection::vec, prelude::*};
use sluicegate::{
    concurrency::{Ask, Direct, Entry, Local, Permit, Queue, Rank, Shed, Waiting},
    criticality::Criticality,
    deadline::Deadline,
};
use tokio::time::{Instant, advance};

use crate::support::poll;

const MAX_WAIT: Duration = Duration::from_millis(50);
const TARGET: Duration = Duration::from_millis(20);

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    Arrive {
        rank: Rank,
        deadline: Option<u64>,
    },
    /// Gives one of the permits back.
    Finish(prop::sample::Index),
    /// One of the waiting requests goes away.
    Leave(prop::sample::Index),
    Advance(u64),
    SetLimit(u32),
    SetCutOff(Rank),
}

/// The settings of a limit.
#[derive(Clone, Debug)]
struct Settings {
    limit: u32,
    queue: usize,
    /// Percent of the limit that is reserved for critical requests.
    reserve: u32,
}

fn rank() -> impl Strategy<Value = Rank> {
    let level = prop::sample::select(Criticality::ALL.to_vec());
    (level, 0_u8..3).prop_map(|(level, cohort)| Rank::new(level, cohort))
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = prop::option::weighted(0.2, 0_u64..60);
    prop_oneof![
        8 => (rank(), deadline).prop_map(|(rank, deadline)| Step::Arrive { rank, deadline }),
        4 => any::<prop::sample::Index>().prop_map(Step::Finish),
        1 => any::<prop::sample::Index>().prop_map(Step::Leave),
        3 => (1_u64..30).prop_map(Step::Advance),
        1 => (1_u32..6).prop_map(Step::SetLimit),
        1 => rank().prop_map(Step::SetCutOff),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    (
        1_u32..6,
        0_usize..6,
        prop::sample::select(vec![0_u32, 20, 50]),
    )
        .prop_map(|(limit, queue, reserve)| Settings {
            limit,
            queue,
            reserve,
        })
}

/// A request in the queue.
struct Queued {
    wait: Waiting,
    since: Instant,
    number: usize,
}

/// A refused request.
struct Refused {
    rank: Rank,
    shed: Shed,
}

/// A limit, and all that is known of its requests.
struct World {
    permits: Local<Direct>,
    reserve: u32,
    held: Vec<Permit>,
    /// In the order in which they came.
    queued: Vec<Queued>,
    /// The requests that the current step refused.
    refused: Vec<Refused>,
    arrivals: usize,
}

impl World {
    fn new(settings: &Settings) -> Self {
        let queue = Queue::new(settings.queue)
            .max_wait(MAX_WAIT)
            .newest_first_after(TARGET);
        let builder = Local::builder(settings.limit).queue(queue);
        let builder = match settings.reserve {
            0 => builder,
            percent => builder.reserve(Criticality::Critical, f64::from(percent) / 100.0),
        };
        Self {
            permits: builder.build(),
            reserve: settings.reserve,
            held: Vec::new(),
            queued: Vec::new(),
            refused: Vec::new(),
            arrivals: 0,
        }
    }

    /// Plays one step. Returns whether it gave no permit back, so that a request
    /// that it refused could not have waited for that.
    async fn play(&mut self, step: &Step) -> bool {
        match step {
            Step::Arrive { rank, deadline } => self.arrive(*rank, *deadline),
            Step::Finish(nth) if !self.held.is_empty() => {
                drop(self.held.swap_remove(nth.index(self.held.len())));
                return false;
            }
            Step::Leave(nth) if !self.queued.is_empty() => {
                self.queued.remove(nth.index(self.queued.len()));
            }
            Step::Advance(millis) => advance(Duration::from_millis(*millis)).await,
            Step::SetLimit(limit) => {
                self.permits.set_limit(*limit);
                return false;
            }
            Step::SetCutOff(rank) => self.permits.set_cut_off(*rank),
            Step::Finish(_) | Step::Leave(_) => {}
        }
        true
    }

    fn arrive(&mut self, rank: Rank, deadline: Option<u64>) {
        let ask = Ask::new().rank(rank);
        let ask = match deadline {
            Some(millis) => ask.before(Deadline::after(Duration::from_millis(millis))),
            None => ask,
        };
        self.arrivals += 1;
        match self.permits.acquire(ask) {
            Entry::Admitted(permit) => self.admit(permit),
            Entry::Refused(shed) => self.refused.push(Refused { rank, shed }),
            Entry::Queued(wait) => self.queued.push(Queued {
                wait,
                since: Instant::now(),
                number: self.arrivals,
            }),
        }
    }

    fn admit(&mut self, permit: Permit) {
        let most = self.limit_of(permit.rank());
        assert!(permit.in_flight() <= most, "{permit:?} beyond {most}");
        self.held.push(permit);
    }

    /// Takes the outcomes of the waiting requests.
    fn take_outcomes(&mut self) {
        let mut passed = Vec::new();
        for mut queued in std::mem::take(&mut self.queued) {
            let rank = queued.wait.rank();
            match poll(&mut queued.wait) {
                Poll::Pending => self.queued.push(queued),
                Poll::Ready(Ok(permit)) => passed.push((queued, permit)),
                Poll::Ready(Err(shed)) => self.refused.push(Refused { rank, shed }),
            }
        }
        for (queued, permit) in passed {
            self.passed_in_order(&queued);
            self.admit(permit);
        }
    }

    /// Checks that no request of the level came earlier and still waits, unless
    /// one waits for too long.
    fn passed_in_order(&self, passed: &Queued) {
        let level = passed.wait.rank().criticality();
        let of_level = || {
            let others = self.queued.iter();
            others.filter(move |it| it.wait.rank().criticality() == level)
        };
        let is_late = of_level().any(|it| it.since.elapsed() > TARGET);
        let earlier = of_level().any(|it| it.number < passed.number);
        assert!(is_late || !earlier, "passed before an earlier request");
    }

    /// The permits that a rank may see in flight.
    fn limit_of(&self, rank: Rank) -> u32 {
        let limit = self.permits.load().limit;
        match rank.criticality() < Criticality::Critical {
            true => limit * (100 - self.reserve) / 100,
            false => limit,
        }
    }

    fn would_be_admitted(&self, rank: Rank) -> bool {
        let usage = self.permits.usage();
        rank >= usage.cut_off && usage.in_flight < self.limit_of(rank)
    }

    fn check(&mut self, gave_nothing_back: bool) {
        let usage = self.permits.usage();
        assert_eq!(usage.in_flight as usize, self.held.len(), "conservation");
        assert_eq!(usage.queued(), self.queued.len(), "conservation");
        for waiting in &self.queued {
            let rank = waiting.wait.rank();
            assert!(!self.would_be_admitted(rank), "{rank} waits for nothing");
        }
        for refused in std::mem::take(&mut self.refused) {
            self.check_refusal(&refused, gave_nothing_back);
        }
    }

    fn check_refusal(&self, refused: &Refused, gave_nothing_back: bool) {
        if refused.shed.is_of_deadline() {
            return;
        }
        let Refused { rank, shed } = *refused;
        for waiting in &self.queued {
            let other = waiting.wait.rank();
            assert!(
                other >= rank,
                "{rank} is refused ({shed}), and {other} waits"
            );
        }
        if gave_nothing_back {
            for other in ranks().filter(|other| *other < rank) {
                let is_better_off = self.would_be_admitted(other);
                assert!(
                    !is_better_off,
                    "{rank} is refused ({shed}), and {other} passes"
                );
            }
        }
    }
}

/// All ranks that take part.
fn ranks() -> impl Iterator<Item = Rank> {
    let of = |level| (0..3).map(move |cohort| Rank::new(level, cohort));
    Criticality::ALL.into_iter().flat_map(of)
}

fn play(settings: &Settings, steps: &[Step]) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut world = World::new(settings);
        for step in steps {
            let gave_nothing_back = world.play(step).await;
            world.take_outcomes();
            world.check(gave_nothing_back);
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn the_laws_hold_in_every_history(settings in settings(), steps in vec(step(), 1..120)) {
        play(&settings, &steps);
    }
}
