//! A store that can be made to fail, and other helpers of the tests.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use bytes::Bytes;
use sluicegate::{
    clock::Tokio,
    idempotency::{
        Claim, ClaimRequest, Claimant, Counts, Fingerprint, LeaseStatus, Local, Name, Scope,
        Snapshot, Store, StoreError, Token,
    },
};

pub(crate) const LEASE: Duration = Duration::from_secs(30);

pub(crate) fn name() -> Name {
    Scope::new("tests").name("17")
}

pub(crate) fn work() -> Fingerprint {
    Fingerprint::of("work")
}

/// A store in process, on tokio's clock, that can be made to fail.
#[derive(Clone, Debug)]
pub(crate) struct Moody {
    pub(crate) inner: Local<Tokio>,
    /// How many of the next calls fail, and in which way.
    mood: Arc<Mutex<(usize, Mood)>>,
    /// How often it has lost all records.
    flushed: Arc<AtomicUsize>,
    renewed: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mood {
    /// It does nothing and returns an error.
    Away,
    /// The store does the work, and its reply is lost.
    Mute,
    /// It is full for records that are larger than this.
    FullAbove(usize),
    /// It never answers.
    Stuck,
    /// It answers after this time.
    Slow(Duration),
}

impl Moody {
    pub(crate) fn new() -> Self {
        Self {
            inner: Local::builder().clock(Tokio::new()).build(),
            mood: Arc::new(Mutex::new((0, Mood::Away))),
            flushed: Arc::default(),
            renewed: Arc::default(),
        }
    }

    /// Makes this many of the next calls fail.
    pub(crate) fn fail(&self, times: usize, mood: Mood) {
        *self.mood.lock().unwrap() = (times, mood);
    }

    /// Returns how often it was asked to renew a lease.
    pub(crate) fn renewed(&self) -> usize {
        self.renewed.load(SeqCst)
    }

    /// Loses all records.
    pub(crate) fn flush(&self) {
        self.flushed.fetch_add(1, SeqCst);
    }

    /// Earlier records are never found again.
    fn now(&self, name: Name) -> Name {
        match self.flushed.load(SeqCst) {
            0 => name,
            times => Scope::new(&times.to_string()).name(name.as_bytes()),
        }
    }

    fn mood(&self) -> Option<Mood> {
        let mut mood = self.mood.lock().unwrap();
        mood.0 = mood.0.checked_sub(1)?;
        Some(mood.1)
    }

    async fn answer<T>(
        &self,
        size: usize,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match self.mood() {
            Some(Mood::Away) => Err(StoreError::unavailable("away")),
            Some(Mood::FullAbove(most)) if size > most => Err(StoreError::Full),
            Some(Mood::Stuck) => std::future::pending().await,
            Some(Mood::Slow(time)) => {
                tokio::time::sleep(time).await;
                call.await
            }
            Some(Mood::Mute) => call
                .await
                .and(Err(StoreError::unavailable("the answer was lost"))),
            _ => call.await,
        }
    }
}

impl Store for Moody {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.answer(0, self.inner.claim(self.now(name), request))
            .await
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.renewed.fetch_add(1, SeqCst);
        self.answer(0, self.inner.renew(self.now(name), token, lease))
            .await
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let size = record.len();
        let call = self.inner.complete(self.now(name), token, record, keep);
        self.answer(size, call).await
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let size = record.len();
        let call = self
            .inner
            .restore(self.now(name), fingerprint, token, record, keep);
        self.answer(size, call).await
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        self.answer(0, self.inner.release(self.now(name), token))
            .await
    }
}

/// Returns a claimant, its store that can fail, and its counts.
pub(crate) fn claimant() -> (Claimant<Moody>, Moody, Arc<Counts>) {
    let (store, counts) = (Moody::new(), Arc::new(Counts::default()));
    let claimant = Claimant::new(store.clone())
        .lease(LEASE)
        .observe(counts.clone());
    (claimant, store, counts)
}

/// Asserts that each granted claim has ended in exactly one way.
pub(crate) fn is_settled(counts: Snapshot) -> bool {
    let ended = counts.completed + counts.released + counts.lost + counts.unsaved;
    counts.began == ended + counts.abandoned
}
