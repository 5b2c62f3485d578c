//! Learns of cancellations, also of those whose message was lost.

use std::{
    pin::pin,
    sync::{Arc, Weak, atomic::Ordering::Relaxed},
};

use futures_util::{
    FutureExt, StreamExt, TryStreamExt,
    future::{pending, select},
    stream,
};
use tokio::time::{Instant, sleep_until};

use super::script::RegistryScript;
use crate::{
    deadline::registry::{holders::Holders, id::Id, remaining::Remaining},
    redis::{Connection, Error, Listen, Subscription},
};

/// How many deadlines are asked for in one call: with all of their parents,
/// some hundred keys.
const DEADLINES_PER_CALL: usize = 32;

/// How many of these calls are under way at once.
const MAX_CALLS: usize = 16;

/// Tells the holders in this process of the cancellations in Redis.
pub(super) struct Cancellations {
    script: Arc<RegistryScript>,
    /// Weak, because the holders own the listener.
    holders: Weak<Holders>,
}

impl Cancellations {
    pub(super) fn new(script: &Arc<RegistryScript>, holders: &Arc<Holders>) -> Self {
        Self {
            script: Arc::clone(script),
            holders: Arc::downgrade(holders),
        }
    }

    /// Tells the holders, if there are any left.
    fn tell(&self, path: &str, reason: &Arc<str>) {
        if let Some(holders) = self.holders.upgrade() {
            holders.tell(path, reason);
        }
    }

    /// Tells what is published, until the subscription ends.
    async fn follow(&self, mut subscription: Subscription) {
        while let Some(message) = subscription.next().await {
            let message = String::from_utf8_lossy(&message);
            if let Some((path, reason)) = message.split_once(' ') {
                self.tell(path, &reason.into());
            }
        }
    }

    /// Asks until there is an answer about everything that is held.
    async fn catch_up(&self) {
        loop {
            let next = Instant::now() + self.script.connection.probe_every();
            if self.recheck().await.is_ok() {
                return;
            }
            sleep_until(next).await;
        }
    }

    /// Asks about everything that is held, a few calls at a time.
    async fn recheck(&self) -> Result<(), Error> {
        let trees = self.holders.upgrade().map(|holders| holders.trees());
        let calls = calls(
            trees.unwrap_or_default(),
            self.script.connection.is_cluster(),
        );
        let asked = stream::iter(calls).map(|ids| async move {
            let states = self.script.recheck(&ids).await?;
            Ok((ids, states))
        });
        let tell = |(ids, states): (Vec<Id>, Vec<Remaining>)| {
            for (id, state) in ids.iter().zip(states) {
                if let Remaining::Cancelled(reason) = state {
                    self.tell(id.path(), &reason);
                }
            }
            async { Ok(()) }
        };
        // The first error ends this, and `catch_up` asks for all again.
        asked.buffer_unordered(MAX_CALLS).try_for_each(tell).await
    }
}

impl Listen for Cancellations {
    fn connection(&self) -> &Connection {
        &self.script.connection
    }

    fn channel(&self) -> String {
        self.script.channel()
    }

    fn is_wanted(&self) -> bool {
        self.holders.strong_count() > 0
    }

    /// Follows the subscription also while missed messages cannot be asked for,
    /// because the cancellation of an unknown deadline is published only once.
    /// Without a subscription, asking is the only way to learn.
    async fn serve(&self, subscription: Result<Subscription, Error>) {
        let Ok(subscription) = subscription else {
            return drop(self.recheck().await);
        };
        self.script.subscribed.fetch_add(1, Relaxed);
        let catch_up = pin!(self.catch_up().then(|()| pending::<()>()));
        select(pin!(self.follow(subscription)), catch_up).await;
    }
}

/// Divides deadlines into calls. In a cluster, each tree is in its own slot.
fn calls(trees: Vec<Vec<Id>>, is_cluster: bool) -> Vec<Vec<Id>> {
    let groups = match is_cluster {
        true => trees,
        false => vec![trees.into_iter().flatten().collect()],
    };
    let chunks = groups
        .iter()
        .flat_map(|group| group.chunks(DEADLINES_PER_CALL));
    chunks.map(<[Id]>::to_vec).collect()
}
