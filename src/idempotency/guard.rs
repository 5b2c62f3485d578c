//! What holds a lease while the work runs.

use bytes::Bytes;
use tokio::time::{Instant, sleep};

use super::{
    claim::LeaseStatus,
    claimant::Claimant,
    lease::{
        handle::Lease,
        renewal::{Heart, Heartbeat},
    },
    observe::Event,
    record::Record,
    store::{Store, StoreError},
};

/// Holds a lease while the work runs: renews it each third of its time, until the
/// work [is completed](Self::complete) or [was not done](Self::release).
///
/// # Dropped
///
/// Without either, nobody knows how the work ended, so nothing is released: the
/// lease lapses in its own time, and then
/// [`Takeover`](super::Takeover) says what becomes of the work.
#[derive(Debug)]
#[must_use = "dropped, it leaves work of unknown outcome"]
pub struct Guard<S: Store> {
    heartbeat: Heartbeat<S>,
    ended: bool,
}

/// Whether the store knows how the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompletionStatus {
    /// It does.
    Saved,
    /// It did not answer, or has no room. It is told again in the background, for
    /// as long as a lease lasts. Should the process die before, or the store be away
    /// for longer, the outcome is unknown to all others, although it was told here:
    /// who comes next runs the work again, or is refused.
    Unsaved,
    /// It does not want to know: the lease had gone to another, whose word counts. A
    /// store that has merely [lost](Store::restore) what it knew keeps it: `Saved`.
    Lost,
}

impl<S: Store> Guard<S> {
    pub(super) fn new(heart: Heart<S>) -> Self {
        Self {
            heartbeat: Heartbeat::start(heart),
            ended: false,
        }
    }

    /// The lease, for the work to know of.
    pub fn lease(&self) -> &Lease {
        &self.heart().lease
    }

    /// The work is done, and this is what is kept of it. A store that has no room
    /// for that is asked to keep it without its body.
    ///
    /// Dropped, it leaves work of unknown outcome unless the store was told.
    pub async fn complete(self, record: Record) -> CompletionStatus {
        let word = self.done(&record);
        self.end(word).await
    }

    /// The work was not done, and nothing of it: the next may begin at once.
    ///
    /// Dropped, it leaves work of unknown outcome unless the store was told.
    pub async fn release(self) -> CompletionStatus {
        self.end(Word::NotDone).await
    }

    pub(super) fn done(&self, record: &Record) -> Word {
        Word::Done(record.encode_from(self.claimant().compress_from))
    }

    pub(super) async fn end(mut self, word: Word) -> CompletionStatus {
        let ended = match self.tell(&word).await {
            Ok(LeaseStatus::Held) => CompletionStatus::Saved,
            Ok(LeaseStatus::Lost) => CompletionStatus::Lost,
            Err(_) => CompletionStatus::Unsaved,
        };
        self.ended = true;
        self.claimant().notice(word.event(ended));
        if ended == CompletionStatus::Unsaved {
            let tracker = self.claimant().tracker().clone();
            tracker.spawn(self.keep_telling(word));
        }
        ended
    }

    fn heart(&self) -> &Heart<S> {
        self.heartbeat.heart()
    }

    fn claimant(&self) -> &Claimant<S> {
        &self.heart().claimant
    }

    async fn tell(&self, word: &Word) -> Result<LeaseStatus, StoreError> {
        let told = self.tell_once(word).await;
        if told.is_err() {
            self.claimant().notice(Event::StoreFailed);
        }
        told
    }

    async fn tell_once(&self, word: &Word) -> Result<LeaseStatus, StoreError> {
        let Word::Done(record) = word else {
            let (name, token) = (self.heart().name, self.lease().token());
            return self.claimant().store.release(name, token).await;
        };
        let told = self.keep(record.clone()).await;
        let Err(StoreError::Full) = told else {
            return told;
        };
        self.keep(Record::decode(record)?.without_body().encode())
            .await
    }

    /// Completes the work; and where the store has lost what it had of it, writes it
    /// anew, because nobody else has its answer.
    async fn keep(&self, record: Bytes) -> Result<LeaseStatus, StoreError> {
        let Heart {
            name, fingerprint, ..
        } = *self.heart();
        let Claimant { store, keep, .. } = self.claimant();
        let token = self.lease().token();
        let told = store.complete(name, token, record.clone(), *keep).await?;
        if told == LeaseStatus::Held {
            return Ok(told);
        }
        let told = store
            .restore(name, fingerprint, token, record, *keep)
            .await?;
        if told == LeaseStatus::Held {
            self.claimant().notice(Event::Restored);
        }
        Ok(told)
    }

    /// Tells the store again and again, at first soon and then as often as the
    /// heart would beat, which goes on meanwhile.
    async fn keep_telling(self, word: Word) {
        let lease = self.claimant().lease;
        let end = Instant::now() + lease;
        let mut pause = lease / 300;
        while Instant::now() < end {
            sleep(pause).await;
            match self.tell(&word).await {
                Ok(LeaseStatus::Held) => return self.claimant().notice(Event::SavedLate),
                Ok(LeaseStatus::Lost) => return,
                Err(_) => pause = (pause * 2).min(lease / 3),
            }
        }
    }
}

impl<S: Store> Drop for Guard<S> {
    fn drop(&mut self) {
        if !self.ended {
            self.claimant().notice(Event::Abandoned);
        }
    }
}

/// What there is to tell the store.
#[derive(Debug)]
pub(super) enum Word {
    /// It is done, and this is the record.
    Done(Bytes),
    NotDone,
}

impl Word {
    fn event(&self, ended: CompletionStatus) -> Event {
        match (ended, self) {
            (CompletionStatus::Unsaved, _) => Event::Unsaved,
            (CompletionStatus::Lost, _) => Event::Lost,
            (CompletionStatus::Saved, Self::Done(_)) => Event::Completed,
            (CompletionStatus::Saved, Self::NotDone) => Event::Released,
        }
    }
}
