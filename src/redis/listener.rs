//! A background task that keeps a subscription for as long as its owner lives.
//!
//! A store listens for completed work, a registry for cancellations. Both
//! outlive the runtimes of their callers, so the task runs on the crate's own
//! thread. It subscribes again when a subscription ends, at most once in the
//! interval of probes.

use tokio::{
    task::AbortHandle,
    time::{Instant, sleep_until},
};

use super::{connection::Connection, error::Error, subscription::Subscription};
use crate::{
    runtime::background,
    sync::{Mutex, lock},
};

/// A channel to listen to, and the handler of its messages.
pub(crate) trait Listen: Send + Sync + 'static {
    /// Returns the connection of the subscription, and of its pauses.
    fn connection(&self) -> &Connection;

    /// Returns the name of the channel.
    fn channel(&self) -> String;

    /// Whether the owner still lives. The task ends when it does not.
    fn is_wanted(&self) -> bool;

    /// Receives messages until the subscription ends. An error means that there
    /// is none at present.
    fn serve(&self, subscription: Result<Subscription, Error>) -> impl Future<Output = ()> + Send;
}

/// Owns the task that listens. The task ends when this is dropped.
#[derive(Default)]
pub(crate) struct Listener {
    /// `None` until the first caller needs it.
    task: Mutex<Option<AbortHandle>>,
}

impl Listener {
    /// Starts the task if there is none. It listens for all runtimes, in the
    /// background.
    pub(crate) fn start<L: Listen>(&self, listen: impl FnOnce() -> L) {
        let mut task = lock(&self.task);
        if task.as_ref().is_none_or(AbortHandle::is_finished) {
            let listening = keep_subscribed(listen());
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

/// Subscribes again and again until the owner is gone.
async fn keep_subscribed(listen: impl Listen) {
    let channel = listen.channel();
    while listen.is_wanted() {
        // At most once in this time, even if subscriptions end as soon as they
        // begin.
        let next = Instant::now() + listen.connection().probe_every();
        let subscription = listen.connection().subscribe(&channel).await;
        listen.serve(subscription).await;
        sleep_until(next).await;
    }
}
