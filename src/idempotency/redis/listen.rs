//! Listens for completed work, and wakes the callers that wait for it.

use std::sync::{Arc, Weak, atomic::Ordering::Relaxed};

use super::{ask::Asker, bells::Bells};
use crate::{
    idempotency::scope::Name,
    redis::{Connection, Error, Listen, Subscription},
};

/// Wakes the callers of one store, until it is dropped.
pub(super) struct ListenForCompletions {
    pub(super) asker: Arc<Asker>,
    pub(super) bells: Weak<Bells>,
}

impl Listen for ListenForCompletions {
    fn connection(&self) -> &Connection {
        &self.asker.connection
    }

    fn channel(&self) -> String {
        self.asker.channel()
    }

    fn is_wanted(&self) -> bool {
        self.bells.strong_count() > 0
    }

    async fn serve(&self, subscription: Result<Subscription, Error>) {
        let Ok(mut subscription) = subscription else {
            return;
        };
        self.asker.counters.subscribed.fetch_add(1, Relaxed);
        // Earlier messages were missed, so all waiting callers ask the store again.
        if let Some(bells) = self.bells.upgrade() {
            bells.ring_all();
        }
        while let Some(message) = subscription.next().await {
            if let (Ok(name), Some(bells)) = (message.try_into(), self.bells.upgrade()) {
                bells.ring(Name(name));
            }
        }
    }
}
