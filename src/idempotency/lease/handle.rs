//! The lease as the work sees it.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::sync::Notify;

use crate::idempotency::token::Token;

/// The lease under which work runs. Clones are handles to the same lease.
///
/// ```
/// use axum::{Extension, Router, routing::post};
/// use sluicegate::idempotency::Lease;
///
/// async fn pay(Extension(lease): Extension<Lease>) -> String {
///     if lease.is_recovered() {
///         // Ask the bank whether it has the payment already.
///     }
///     format!("UPDATE payments SET ... WHERE token = '{}'", lease.token())
/// }
/// # let _: Router = Router::new().route("/pay", post(pay));
/// ```
///
/// A handler behind the layer finds it among the request's extensions;
/// [`run_leased`](crate::idempotency::Runner::run_leased) passes it to the
/// work.
#[derive(Clone)]
pub struct Lease(Arc<Inner>);

struct Inner {
    /// The token of the claim.
    token: Token,
    attempt: u32,
    /// Whether another holder may have the work.
    is_lost: AtomicBool,
    /// Wakes those who wait for the loss.
    lost: Notify,
}

impl Lease {
    /// Creates the lease of a claim that was granted.
    pub(crate) fn new(token: Token, attempt: u32) -> Self {
        Self(Arc::new(Inner {
            token,
            attempt,
            is_lost: AtomicBool::new(false),
            lost: Notify::new(),
        }))
    }

    /// Returns the fencing token, for conditional writes of your own.
    pub fn token(&self) -> Token {
        self.0.token
    }

    /// Returns whether an earlier holder had begun the same work and its
    /// outcome is unknown: the work may be done in part, or completely.
    pub fn is_recovered(&self) -> bool {
        self.attempt() > 1
    }

    /// Returns which attempt at the work this is: 1 for the first, and one more
    /// each time that a lease lapsed and the work was taken over.
    ///
    /// The store counts for as long as it remembers the work. If the first
    /// attempt is [released](crate::idempotency::Guard::release), the count
    /// starts again.
    pub fn attempt(&self) -> u32 {
        self.0.attempt
    }

    /// Returns whether another holder may have the work by now: the store said
    /// so, or did not answer for as long as the lease lasts. Stop then, if you
    /// can. After the end of the work, the answer has no meaning.
    pub fn is_lost(&self) -> bool {
        self.0.is_lost.load(SeqCst)
    }

    /// Waits until the lease is [lost](Self::is_lost), if it ever is.
    ///
    /// It is cancel safe.
    pub async fn lost(&self) {
        // The order matters: `notified` sees every notification from here on,
        // so that a loss between the two lines is not missed.
        let lost = self.0.lost.notified();
        if !self.is_lost() {
            lost.await;
        }
    }

    /// Marks the lease as lost, and wakes those who wait for that.
    pub(super) fn lose(&self) {
        self.0.is_lost.store(true, SeqCst);
        self.0.lost.notify_waiters();
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
