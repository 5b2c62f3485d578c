//! The thread that owns the records.
//!
//! It works in rounds. A round runs all operations that have arrived, one after
//! the other, saves once, and only then responds. Operations that arrive
//! meanwhile form the next round. However many callers there are, each waits
//! for one round or two, and they share the cost of saving.

use tokio::sync::{mpsc, watch};

use super::{records::Records, reopen::Reopen};
use crate::idempotency::store::{StoreCounts, StoreError};

/// How many operations a round takes, and how many may wait. Further callers
/// wait for a place in the queue.
pub(super) const MAX_ROUND: usize = 1_024;

/// An operation on the records. It returns what responds to the caller.
pub(super) type Operation = Box<dyn FnOnce(&mut Records) -> Respond + Send>;

/// Responds to a caller, once the operation is saved or saving it has failed.
pub(super) type Respond = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A command for the writer.
pub(super) enum Command {
    Run(Operation),
    Close,
}

/// The part of the writer's state that all handles can see.
#[derive(Clone, Debug, Default)]
pub(super) struct WriterState {
    /// The counts after the last round.
    pub(super) counts: StoreCounts,
    /// Why the store failed; `None` if it works or was closed.
    pub(super) failed: Option<StoreError>,
}

impl WriterState {
    /// Returns the state of a store that works.
    pub(super) fn of(records: &Records) -> Self {
        let (counts, failed) = (records.counts(), None);
        Self { counts, failed }
    }
}

/// Owns the records on their thread.
pub(super) struct Writer {
    /// `None` while the disk is full.
    pub(super) records: Option<Records>,
    /// Opens the files again after the disk was full.
    pub(super) reopen: Reopen,
    /// The operations of all handles, in the order of their arrival.
    pub(super) commands: mpsc::Receiver<Command>,
    /// Tells the handles how the store is.
    pub(super) state: watch::Sender<WriterState>,
}

impl Writer {
    /// Runs until the store is closed, all handles are dropped, or the disk
    /// fails. After a failure the files may differ from what was promised, so
    /// only a new `open` may decide what they hold. A full disk is the
    /// exception: the writer itself reopens the files then.
    ///
    /// An operation that panics ends the thread, and callers get an error.
    pub(super) fn run(mut self) {
        while let Some(Command::Run(operation)) = self.commands.blocking_recv() {
            // Without records the operation is dropped, and its caller gets the
            // reason why the store failed.
            if let Some(records) = self.take_records()
                && !self.round(records, operation)
            {
                break;
            }
        }
        if let Some(records) = self.records {
            // Useless if the disk has failed, and harmless.
            let _ = records.close();
        }
        // Dropped last, because `Durable::close` waits for it.
        drop(self.state);
    }

    /// Takes the records, which are reopened if need be and if they can be.
    ///
    /// `None` means that the operation cannot run, and is dropped.
    fn take_records(&mut self) -> Option<Records> {
        if self.records.is_none() {
            match self.reopen.try_open()? {
                Ok(records) => {
                    self.state.send_replace(WriterState::of(&records));
                    return Some(records);
                }
                Err(failed) => {
                    self.state.send_modify(|state| state.failed = Some(failed));
                }
            }
        }
        self.records.take()
    }

    /// Runs one round; returns whether another may follow.
    ///
    /// Callers whose operations changed nothing have their answers already.
    fn round(&mut self, mut records: Records, first: Operation) -> bool {
        let mut pending = Vec::new();
        let closing = self.run_all(&mut records, first, &mut pending);
        let saved = records.save();
        self.publish(&records, &saved);
        for respond in pending {
            respond(saved.clone());
        }
        records.notify_waiters();
        match saved {
            Ok(()) => {
                self.records = Some(records);
                !closing
            }
            Err(failed) => {
                // The files have to be closed before they are opened again.
                drop(records);
                self.reopen.pause();
                self.reopen.may_reopen(&failed) && !closing
            }
        }
    }

    /// Runs this operation and those that have arrived; returns whether to
    /// close after them.
    fn run_all(
        &mut self,
        records: &mut Records,
        first: Operation,
        pending: &mut Vec<Respond>,
    ) -> bool {
        run(records, first, pending);
        for _ in 1..MAX_ROUND {
            match self.commands.try_recv() {
                Ok(Command::Run(operation)) => run(records, operation, pending),
                Ok(Command::Close) => return true,
                Err(_) => break,
            }
        }
        false
    }

    /// Publishes the counts, and the error if saving failed.
    fn publish(&self, records: &Records, saved: &Result<(), StoreError>) {
        let failed = saved.as_ref().err().cloned();
        let state = WriterState::of(records);
        self.state.send_replace(WriterState { failed, ..state });
    }
}

/// Runs an operation. It responds at once if nothing is left to save.
fn run(records: &mut Records, operation: Operation, pending: &mut Vec<Respond>) {
    let respond = operation(records);
    match records.is_saved() {
        true => respond(Ok(())),
        false => pending.push(respond),
    }
}
