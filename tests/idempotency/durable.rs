//! The store on disk: against the model, closed, killed, full and damaged.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use bytes::Bytes;
use proptest::prelude::*;
use sluicegate::{
    clock::Manual,
    idempotency::{
        Claim, ClaimRequest, Durable, Fingerprint, Fsync, LeaseStatus, Name, OpenError, Store,
        StoreError, Token,
    },
};
use tokio::{runtime::Builder, sync::Mutex};

use self::folder::Folder;
use crate::model::{Subject, play_to, steps};

mod closed;
mod crash;
mod damage;
pub(crate) mod folder;
mod room;

/// A store with manual clocks.
async fn open(folder: &Folder, clock: &Manual) -> Result<Durable, OpenError> {
    let store = Durable::builder().clock(clock.clone()).wall(clock.clone());
    store.fsync(Fsync::Never).open(folder.path()).await
}

/// The event before the store is called.
#[derive(Clone, Copy, Debug)]
enum Before {
    Nothing,
    /// The store is closed and reopened.
    Closed,
    /// The process ends, and the files that the operating system has are opened.
    Killed,
}

fn before() -> impl Strategy<Value = Before> {
    use Before::{Closed, Killed, Nothing};
    prop_oneof![9 => Just(Nothing), 1 => Just(Closed), 1 => Just(Killed)]
}

/// A store that is reopened now and then.
#[derive(Clone, Debug)]
struct Reopened(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    open: Mutex<Open>,
    clock: Manual,
    before: Vec<Before>,
    calls: AtomicUsize,
}

#[derive(Debug)]
struct Open {
    store: Durable,
    folder: Folder,
}

impl Reopened {
    async fn new(before: Vec<Before>) -> Self {
        let (folder, clock) = (Folder::new(), Manual::new());
        let store = open(&folder, &clock).await.unwrap();
        Self(Arc::new(Inner {
            open: Mutex::new(Open { store, folder }),
            clock,
            before,
            calls: AtomicUsize::new(0),
        }))
    }

    async fn store(&self) -> Durable {
        let Inner { clock, before, .. } = &*self.0;
        let mut now = self.0.open.lock().await;
        match before[self.0.calls.fetch_add(1, Relaxed) % before.len()] {
            Before::Nothing => {}
            Before::Closed => {
                now.store.clone().close().await;
                now.store = open(&now.folder, clock).await.unwrap();
            }
            Before::Killed => {
                let folder = now.folder.copy();
                now.store.clone().close().await;
                let store = open(&folder, clock).await.unwrap();
                *now = Open { store, folder };
            }
        }
        now.store.clone()
    }
}

impl Store for Reopened {
    async fn claim(&self, name: Name, request: ClaimRequest) -> Result<Claim, StoreError> {
        self.store().await.claim(name, request).await
    }

    async fn renew(
        &self,
        name: Name,
        token: Token,
        lease: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        self.store().await.renew(name, token, lease).await
    }

    async fn complete(
        &self,
        name: Name,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let store = self.store().await;
        store.complete(name, token, record, keep).await
    }

    async fn restore(
        &self,
        name: Name,
        fingerprint: Fingerprint,
        token: Token,
        record: Bytes,
        keep: Duration,
    ) -> Result<LeaseStatus, StoreError> {
        let store = self.store().await;
        store.restore(name, fingerprint, token, record, keep).await
    }

    async fn release(&self, name: Name, token: Token) -> Result<LeaseStatus, StoreError> {
        self.store().await.release(name, token).await
    }
}

impl Subject for Reopened {
    type Store = Self;

    fn store(&self) -> &Self {
        self
    }

    async fn advance(&self, by: Duration) {
        self.0.clock.advance(by);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn it_goes_by_the_state_rules_however_often_it_is_opened_anew(
        steps in steps(),
        before in prop::collection::vec(before(), 1..20),
    ) {
        let runtime = Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let store = Reopened::new(before).await;
            play_to(&store, &steps).await;
            let open = store.0.open.lock().await;
            open.store.clone().close().await;
        });
    }
}
