//! The threads that play: each has its part of the keys.

use std::{
    panic,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    thread::{self, JoinHandle},
};

use super::{outcome::Outcome, shard::Shard};
use crate::replay::{error::ReplayError, event::Event, policy::Policy};

/// How many requests go to a thread at once.
const BATCH: usize = 4_096;

/// How many batches may wait for a thread.
const WAITING_BATCHES: usize = 4;

/// The policies to play, and how.
#[derive(Clone, Debug)]
pub(crate) struct PlaySettings {
    /// The policies, the old one first if there is one.
    pub(crate) policies: Vec<Policy>,
    /// Whether the first policy is the old one.
    pub(crate) has_old: bool,
    /// How many keys are kept.
    pub(crate) max_keys: usize,
    /// How many threads play.
    pub(crate) threads: usize,
}

/// The threads that play.
pub(crate) struct Players {
    players: Vec<Player>,
    hasher: ahash::RandomState,
}

/// A thread, and the requests that go to it next.
struct Player {
    batch: Vec<Event>,
    sender: SyncSender<Vec<Event>>,
    thread: JoinHandle<Outcome>,
}

impl Players {
    /// Starts the threads.
    ///
    /// # Errors
    ///
    /// If a rule cannot keep its quota, or a thread cannot be started.
    pub(crate) fn start(settings: &PlaySettings) -> Result<Self, ReplayError> {
        let threads = settings.threads.max(1);
        let players: Result<Vec<_>, _> = (0..threads).map(|_| Player::start(settings)).collect();
        Ok(Self {
            players: players?,
            hasher: ahash::RandomState::new(),
        })
    }

    /// Plays a request, which is never earlier than the one before.
    #[inline]
    pub(crate) fn play(&mut self, event: Event) {
        let part = self.hasher.hash_one(&event.key) % self.players.len() as u64;
        let player = &mut self.players[part as usize];
        player.batch.push(event);
        if player.batch.len() == BATCH {
            player.send();
        }
    }

    /// Waits for the threads, and returns what came out.
    pub(crate) fn finish(self) -> Outcome {
        let mut outcome = Outcome::default();
        for player in self.players {
            outcome.merge(player.finish());
        }
        outcome
    }
}

impl Player {
    fn start(settings: &PlaySettings) -> Result<Self, ReplayError> {
        let capacity = settings.max_keys.div_ceil(settings.threads.max(1));
        let shard = Shard::new(&settings.policies, settings.has_old, capacity);
        let shard = shard
            .map_err(|error| ReplayError::Policy(error.value().to_owned(), error.to_string()))?;
        let (sender, receiver) = sync_channel(WAITING_BATCHES);
        let thread = thread::Builder::new()
            .name("player".into())
            .spawn(|| run(shard, receiver));
        Ok(Self {
            batch: Vec::with_capacity(BATCH),
            sender,
            thread: thread.map_err(ReplayError::Thread)?,
        })
    }

    fn send(&mut self) {
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH));
        // It fails only if the thread has panicked, which `finish` passes on.
        let _ = self.sender.send(batch);
    }

    fn finish(mut self) -> Outcome {
        self.send();
        drop(self.sender);
        self.thread
            .join()
            .unwrap_or_else(|panic| panic::resume_unwind(panic))
    }
}

fn run(mut shard: Shard, batches: Receiver<Vec<Event>>) -> Outcome {
    for batch in batches {
        shard.play(&batch);
    }
    shard.finish()
}
