//! Keeps a lease from lapsing.

use std::time::Duration;

use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

use super::{
    claim::Held, claimant::Claimant, lease::Lease, name::Name, observe::Event, store::Store,
};

/// Renews a lease until it is dropped.
#[derive(Debug)]
pub(super) struct Heartbeat(JoinHandle<()>);

impl Heartbeat {
    /// Begins a third of the lease from now. The lease was asked for at `asked`,
    /// so that it lapses so long after that, or later.
    pub(super) fn start<S: Store>(
        claimant: Claimant<S>,
        name: Name,
        lease: Lease,
        asked: Instant,
    ) -> Self {
        let heart = Heart {
            claimant,
            name,
            lease,
        };
        Self(tokio::spawn(heart.beat(asked)))
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Heart<S> {
    claimant: Claimant<S>,
    name: Name,
    lease: Lease,
}

impl<S: Store> Heart<S> {
    async fn beat(self, mut since: Instant) {
        loop {
            match timeout_at(since + self.time(), self.next()).await {
                Ok(Some(asked)) => since = asked,
                Ok(None) => return self.lease.lose(),
                Err(_) => {
                    self.lease.lose();
                    // Nobody may have taken it even so, and then it is held again.
                    since = Instant::now();
                }
            }
        }
    }

    /// Renews; answers when it asked for that, or nothing if the lease is lost.
    async fn next(&self) -> Option<Instant> {
        loop {
            sleep(self.time() / 3).await;
            let (asked, token) = (Instant::now(), self.lease.token());
            match self
                .claimant
                .store
                .renew(self.name, token, self.time())
                .await
            {
                Ok(Held::Kept) => return Some(asked),
                Ok(Held::Lost) => return None,
                Err(_) => self.claimant.notice(Event::StoreFailed),
            }
        }
    }

    fn time(&self) -> Duration {
        self.claimant.lease
    }
}
