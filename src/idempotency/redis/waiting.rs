//! Waits for work that runs elsewhere: by messages, and by asking again.

use std::sync::{Arc, Weak, atomic::Ordering::Relaxed};

use tokio::time::timeout;

use super::{client::RecordClient, pause::Pauses};
use crate::{
    idempotency::{scope::Name, waiters::Waiters},
    redis::{Connection, Error, Listen, Listener, Subscription},
};

/// The waiting callers of one store, and the task that listens for them.
#[derive(Default)]
pub(super) struct Waits {
    /// The callers in this process. Its end stops the listener.
    waiters: Arc<Waiters<Name>>,
    /// Started by the first caller that waits.
    listener: Listener,
}

impl Waits {
    /// Ends when the work under a name does not run any more.
    ///
    /// It also ends if Redis no longer knows the work, so that the caller
    /// claims it again.
    pub(super) async fn settled(&self, client: &Arc<RecordClient>, name: Name) {
        self.listener.start(|| ListenForEnds {
            client: Arc::clone(client),
            waiters: Arc::downgrade(&self.waiters),
        });
        let waiter = self.waiters.register(name);
        let (counters, mut pauses) = (&client.counters, Pauses::default());
        loop {
            // Made before the call, so that a message during the call is not
            // missed.
            let notified = waiter.notified();
            if client.is_settled(name).await {
                return;
            }
            // A message may be lost, so the store is asked again after a pause.
            let woken = match timeout(pauses.next(), notified).await {
                Ok(()) => &counters.notified,
                Err(_) => &counters.polled,
            };
            woken.fetch_add(1, Relaxed);
        }
    }
}

/// Notifies the callers of one store, until it is dropped.
struct ListenForEnds {
    /// Has the connection and the name of the channel.
    client: Arc<RecordClient>,
    /// Weak, so that the task does not keep the store alive.
    waiters: Weak<Waiters<Name>>,
}

impl Listen for ListenForEnds {
    fn connection(&self) -> &Connection {
        &self.client.connection
    }

    fn channel(&self) -> String {
        self.client.channel()
    }

    fn is_wanted(&self) -> bool {
        self.waiters.strong_count() > 0
    }

    async fn serve(&self, subscription: Result<Subscription, Error>) {
        let Ok(mut subscription) = subscription else {
            return;
        };
        self.client.counters.subscribed.fetch_add(1, Relaxed);
        // Earlier messages were missed, so all waiting callers ask the store
        // again.
        if let Some(waiters) = self.waiters.upgrade() {
            waiters.notify_all();
        }
        while let Some(message) = subscription.next().await {
            if let (Ok(name), Some(waiters)) = (message.try_into(), self.waiters.upgrade()) {
                waiters.notify(&Name(name));
            }
        }
    }
}
