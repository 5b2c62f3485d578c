//! Hearing that work has ended.

use std::sync::{Arc, Weak, atomic::Ordering::Relaxed};

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{ask::Asker, bells::Bells};
use crate::{
    idempotency::scope::Name,
    redis::Subscription,
    runtime::background,
    sync::{Mutex, lock},
};

/// The task that listens, from the first wait to the end of the store.
#[derive(Default)]
pub(super) struct Listener {
    task: Mutex<Option<AbortHandle>>,
}

impl Listener {
    /// Starts the task, if there is none. It listens for all runtimes, in the background.
    pub(super) fn listen(&self, asker: &Arc<Asker>, bells: &Arc<Bells>) {
        let mut task = lock(&self.task);
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let listening = go_on(Arc::clone(asker), Arc::downgrade(bells));
            *task = Some(background().spawn(listening).abort_handle());
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

async fn go_on(asker: Arc<Asker>, bells: Weak<Bells>) {
    while bells.strong_count() > 0 {
        // Not more often, even where subscriptions end as soon as they begin.
        let next = Instant::now() + asker.connection.probe_every();
        if let Ok(subscription) = asker.connection.subscribe(&asker.channel()).await {
            asker.counters.subscribed.fetch_add(1, Relaxed);
            hear(subscription, &bells).await;
        }
        sleep_until(next).await;
    }
}

/// Rings for what comes, until the subscription ends.
async fn hear(mut subscription: Subscription, bells: &Weak<Bells>) {
    // What was said before is not heard.
    if let Some(bells) = bells.upgrade() {
        bells.ring_all();
    }
    while let Some(message) = subscription.next().await {
        if let (Ok(name), Some(bells)) = (message.try_into(), bells.upgrade()) {
            bells.ring(Name(name));
        }
    }
}
