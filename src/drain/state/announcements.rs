//! Stages on their way to the log and to the observer, in their order.

use std::{collections::VecDeque, fmt};

use crate::{
    drain::stage::Stage,
    sync::{Mutex, lock},
};

/// The stages that a drain has entered and that were not announced.
///
/// Several threads change the stage of a drain: a signal, the task that drives it,
/// the end of a server. One of them at a time announces the stages of all. So they are
/// announced in their order, and an observer may change the drain.
#[derive(Default)]
pub(super) struct Announcements(Mutex<StageQueue>);

#[derive(Default)]
struct StageQueue {
    waiting: VecDeque<Stage>,
    /// Whether a thread announces.
    taken: bool,
}

impl Announcements {
    /// Adds a stage. Call it under the lock under which the stage changed, so that
    /// the order is that of the changes.
    pub(super) fn add(&self, stage: Stage) {
        lock(&self.0).waiting.push_back(stage);
    }

    /// Announces the stages that wait, unless another call does so.
    pub(super) fn run(&self, mut announce: impl FnMut(Stage)) {
        let mut turn = AnnouncingTurn {
            queue: &self.0,
            mine: false,
        };
        while let Some(stage) = turn.next() {
            announce(stage);
        }
    }
}

/// The turn to announce. It is given back when it is dropped, because an observer
/// may panic.
struct AnnouncingTurn<'a> {
    queue: &'a Mutex<StageQueue>,
    mine: bool,
}

impl AnnouncingTurn<'_> {
    /// Returns the next stage. `None` if another call has the turn, or if no stage
    /// waits: then the turn ends under the same lock, so no stage is left behind.
    fn next(&mut self) -> Option<Stage> {
        let mut queue = lock(self.queue);
        if queue.taken && !self.mine {
            return None;
        }
        let stage = queue.waiting.pop_front();
        self.mine = stage.is_some();
        queue.taken = self.mine;
        stage
    }
}

impl Drop for AnnouncingTurn<'_> {
    fn drop(&mut self) {
        if self.mine {
            lock(self.queue).taken = false;
        }
    }
}

impl fmt::Debug for Announcements {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Announcements").finish_non_exhaustive()
    }
}
