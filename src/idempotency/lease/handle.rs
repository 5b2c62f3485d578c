//! What work knows of its lease.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::sync::Notify;

use crate::idempotency::token::Token;

/// What work knows of the lease that it runs under. Clones tell the same.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    token: Token,
    attempt: u32,
    lost: AtomicBool,
    losing: Notify,
}

impl Lease {
    pub(crate) fn new(token: Token, attempt: u32) -> Self {
        Self(Arc::new(Inner {
            token,
            attempt,
            lost: AtomicBool::new(false),
            losing: Notify::new(),
        }))
    }

    /// The fencing token, for conditional writes of one's own.
    pub fn token(&self) -> Token {
        self.0.token
    }

    /// Whether another had begun the same work, and nobody knows how that ended:
    /// it may be done in part, or even all of it.
    pub fn is_recovered(&self) -> bool {
        self.attempt() > 1
    }

    /// Which attempt at the work this is: 1 for the first, and one more each time
    /// that a lease lapsed and the work was taken over. It is counted for as long as
    /// the store remembers the work; where the first attempt was
    /// [released](crate::idempotency::Guard::release), the count begins anew.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Whether another may have the work by now: the store said so, or did not
    /// answer for as long as the lease lasts. Stop then, if that can be done. Once the work
    /// has ended, it means nothing.
    pub fn is_lost(&self) -> bool {
        self.0.lost.load(SeqCst)
    }

    /// Ends when the lease is [lost](Self::is_lost), and never if it is not.
    ///
    /// Dropped, it loses nothing: it may be called again.
    pub async fn lost(&self) {
        // Hears of what is said from here on.
        let losing = self.0.losing.notified();
        if !self.is_lost() {
            losing.await;
        }
    }

    pub(crate) fn lose(&self) {
        self.0.lost.store(true, SeqCst);
        self.0.losing.notify_waiters();
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease")
            .field("token", &self.token())
            .field("attempt", &self.attempt())
            .field("lost", &self.is_lost())
            .finish()
    }
}
