//! An event between two workers, crashes, lapses and an operator. The row follows the
//! real rule; the mark is that of an idempotency store.

use crate::event::{Progress, Reason, Step};

/// The attempts that are allowed here.
const ALLOWED: u32 = 2;

/// How often an operator puts the event back.
const PUT_BACKS: u32 = 1;

/// Where a worker is with the event that it has taken as number `hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Worker {
    Idle,
    Taken { hold: u32, round: u32 },
    Claimed { hold: u32, round: u32 },
    Charged { hold: u32, round: u32 },
    Marked { hold: u32, round: u32 },
}

/// The mark of a round in the idempotency store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Mark {
    Absent,
    Leased { worker: usize, lapsed: bool },
    Done,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct World {
    pub(super) row: Progress,
    workers: [Worker; 2],
    /// By round.
    marks: Vec<Mark>,
    /// How often the provider has charged in each round.
    pub(super) charges: Vec<u32>,
    /// How often the amount is in the books.
    pub(super) booked: u32,
}

/// Whether a claim of work with an unknown outcome is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takeover {
    Refuse,
    Rerun,
    /// The store forgets everything in a crash, as memory does.
    Forgotten,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            row: Progress::accepted(0),
            workers: [Worker::Idle; 2],
            marks: vec![Mark::Absent; PUT_BACKS as usize + 1],
            charges: vec![0; PUT_BACKS as usize + 1],
            booked: 0,
        }
    }

    /// Returns all worlds that one move leads to.
    pub(super) fn next(&self, takeover: Takeover) -> Vec<Self> {
        let mut worlds = vec![self.lapsed_row(), self.put_back(), self.cancelled()];
        for worker in 0..self.workers.len() {
            worlds.extend(self.by(worker, takeover));
            worlds.push(Some(self.crashed(worker, takeover)));
        }
        worlds.push(self.lapsed_lease());
        worlds.into_iter().flatten().collect()
    }

    fn with_row(&self, step: Step) -> Option<Self> {
        let row = self.row.step(step).ok()?;
        Some(Self {
            row,
            ..self.clone()
        })
    }

    /// The row's hold runs out: time 1 is reached. Its holder may be alive.
    fn lapsed_row(&self) -> Option<Self> {
        let mut world = self.clone();
        world.row.due = 0;
        Some(world)
    }

    fn lapsed_lease(&self) -> Option<Self> {
        let mut world = self.clone();
        for mark in &mut world.marks {
            if let Mark::Leased { lapsed, .. } = mark {
                *lapsed = true;
            }
        }
        Some(world)
    }

    fn put_back(&self) -> Option<Self> {
        let allowed = self.row.round < PUT_BACKS;
        allowed.then(|| self.with_row(Step::PutBack { now: 0 }))?
    }

    fn cancelled(&self) -> Option<Self> {
        self.with_row(Step::Cancel)
    }

    fn crashed(&self, worker: usize, takeover: Takeover) -> Self {
        let mut world = self.clone();
        world.workers[worker] = Worker::Idle;
        if takeover == Takeover::Forgotten {
            world.marks.fill(Mark::Absent);
        }
        world
    }

    /// All that this worker can do.
    fn by(&self, worker: usize, takeover: Takeover) -> Vec<Option<Self>> {
        match self.workers[worker] {
            Worker::Idle => vec![self.taken(worker)],
            Worker::Taken { hold, round } => vec![
                self.claimed(worker, hold, round, takeover),
                self.left(worker, Step::GiveBack { hold, due: 0 }),
            ],
            Worker::Claimed { hold, round } => vec![
                self.charged(worker, hold, round),
                self.failed(worker, hold, round),
            ],
            Worker::Charged { hold, round } => vec![self.marked(worker, hold, round)],
            Worker::Marked { hold, .. } => vec![self.settled(worker, hold)],
        }
    }

    fn taken(&self, worker: usize) -> Option<Self> {
        let mut world = self.with_row(Step::Take { now: 0, until: 1 })?;
        let (hold, round) = (world.row.takes, world.row.round);
        if world.row.attempts > ALLOWED {
            let reason = Reason::Attempts;
            return world.with_row(Step::Bury { hold, reason });
        }
        world.workers[worker] = Worker::Taken { hold, round };
        Some(world)
    }

    /// The worker claims the mark, and goes on as the store answers.
    fn claimed(&self, worker: usize, hold: u32, round: u32, takeover: Takeover) -> Option<Self> {
        let mut world = self.clone();
        let mark = &mut world.marks[round as usize];
        match *mark {
            Mark::Done => world.workers[worker] = Worker::Marked { hold, round },
            Mark::Leased { lapsed: false, .. } => {
                return self.left(worker, Step::GiveBack { hold, due: 1 });
            }
            Mark::Leased { lapsed: true, .. } if takeover == Takeover::Refuse => {
                let reason = Reason::OutcomeUnknown;
                return self.left(worker, Step::Bury { hold, reason });
            }
            _ => {
                *mark = Mark::Leased {
                    worker,
                    lapsed: false,
                };
                world.workers[worker] = Worker::Claimed { hold, round };
            }
        }
        Some(world)
    }

    fn charged(&self, worker: usize, hold: u32, round: u32) -> Option<Self> {
        let mut world = self.clone();
        world.charges[round as usize] += 1;
        world.workers[worker] = Worker::Charged { hold, round };
        Some(world)
    }

    /// The provider failed without an effect, so the lease is released.
    fn failed(&self, worker: usize, hold: u32, round: u32) -> Option<Self> {
        let allowed = ALLOWED;
        let mut world = self.left(
            worker,
            Step::Retry {
                hold,
                due: 0,
                allowed,
                last: Reason::Attempts,
            },
        )?;
        world.complete_mark(worker, round, Mark::Absent);
        Some(world)
    }

    fn marked(&self, worker: usize, hold: u32, round: u32) -> Option<Self> {
        let mut world = self.clone();
        world.workers[worker] = match world.complete_mark(worker, round, Mark::Done) {
            true => Worker::Marked { hold, round },
            // `RunError::Lost`: another holder's value counts.
            false => Worker::Idle,
        };
        Some(world)
    }

    /// Ends the lease if this worker still has it.
    fn complete_mark(&mut self, worker: usize, round: u32, end: Mark) -> bool {
        let mark = &mut self.marks[round as usize];
        let is_holder = matches!(mark, Mark::Leased { worker: by, .. } if *by == worker);
        if is_holder {
            *mark = end;
        }
        is_holder
    }

    /// One transaction: the row, and the amount in the books.
    fn settled(&self, worker: usize, hold: u32) -> Option<Self> {
        let mut world = self.left(worker, Step::Complete { hold })?;
        world.booked += u32::from(world.row != self.row);
        Some(world)
    }

    /// The worker is done with the event; a stale step changes no row.
    fn left(&self, worker: usize, step: Step) -> Option<Self> {
        let mut world = self.with_row(step).unwrap_or_else(|| self.clone());
        world.workers[worker] = Worker::Idle;
        Some(world)
    }

    pub(super) fn is_ended(&self) -> bool {
        !self.row.state.is_pending()
    }
}
