//! Hearing of cancellations, and asking for what may have been missed.

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

use super::store::Asker;
use crate::{
    deadline::registry::{claim::Holders, id::Id, remaining::Remaining},
    redis::{Connection, Error, ErrorKind, Listen, Subscription},
};

/// How many deadlines are asked for in a call: with all of their parents, some
/// hundred keys.
const TOGETHER: usize = 32;

/// How many calls are under way at once.
const CALLS: usize = 16;

/// Tells the holders of one registry, until it and its last claim are dropped.
pub(super) struct ListenForCancellations {
    pub(super) asker: Arc<Asker>,
    pub(super) holders: Weak<Holders>,
}

impl Listen for ListenForCancellations {
    fn connection(&self) -> &Connection {
        &self.asker.connection
    }

    fn channel(&self) -> String {
        self.asker.channel()
    }

    fn is_wanted(&self) -> bool {
        self.holders.strong_count() > 0
    }

    /// Earlier messages were missed, so the registry is asked for all held deadlines.
    /// Without a subscription, this is the only way to learn of a cancellation.
    async fn serve(&self, subscription: Result<Subscription, Error>) {
        let Self { asker, holders } = self;
        match subscription {
            Ok(subscription) => {
                asker.subscribed.fetch_add(1, Relaxed);
                hear_and_catch_up(subscription, asker, holders).await;
            }
            Err(_) => drop(recheck(asker, holders).await),
        }
    }
}

/// A subscription is heard also while what was missed cannot be asked for: a
/// cancellation of what Redis does not know is said only once.
async fn hear_and_catch_up(subscription: Subscription, asker: &Asker, holders: &Weak<Holders>) {
    let catch_up = pin!(catch_up(asker, holders).then(|()| pending::<()>()));
    select(pin!(hear(subscription, holders)), catch_up).await;
}

/// Asks until there is an answer about all that is held.
async fn catch_up(asker: &Asker, holders: &Weak<Holders>) {
    loop {
        let next = Instant::now() + asker.connection.probe_every();
        if recheck(asker, holders).await.is_ok() {
            return;
        }
        sleep_until(next).await;
    }
}

/// Tells holders what comes, until the subscription ends.
async fn hear(mut subscription: Subscription, holders: &Weak<Holders>) {
    while let Some(message) = subscription.next().await {
        let message = String::from_utf8_lossy(&message);
        if let Some((path, why)) = message.split_once(' ')
            && let Some(holders) = holders.upgrade()
        {
            holders.tell(path, &why.into());
        }
    }
}

/// Asks for all that is held, a few calls at a time.
async fn recheck(asker: &Asker, holders: &Weak<Holders>) -> Result<(), Error> {
    let trees = holders.upgrade().map(|holders| holders.trees());
    let calls = calls(trees.unwrap_or_default(), asker.connection.is_cluster());
    let asked = stream::iter(calls).map(|ids| async move {
        let words = look(asker, &ids).await?;
        Ok((ids, words))
    });
    let tell = |(ids, words): (Vec<Id>, Vec<Remaining>)| {
        let holders = holders.upgrade();
        for (id, word) in ids.iter().zip(words) {
            if let (Some(holders), Remaining::Cancelled(why)) = (&holders, word) {
                holders.tell(id.path(), &why);
            }
        }
        async { Ok(()) }
    };
    asked.buffer_unordered(CALLS).try_for_each(tell).await
}

/// In a cluster, each tree is in a slot of its own.
fn calls(trees: Vec<Vec<Id>>, is_cluster: bool) -> Vec<Vec<Id>> {
    let groups = match is_cluster {
        true => trees,
        false => vec![trees.into_iter().flatten().collect()],
    };
    let chunks = groups.iter().flat_map(|group| group.chunks(TOGETHER));
    chunks.map(<[Id]>::to_vec).collect()
}

async fn look(asker: &Asker, ids: &[Id]) -> Result<Vec<Remaining>, Error> {
    let mut call = asker.call(ids.iter().flat_map(Id::chain), "look");
    for id in ids {
        call.arg(id.chain().count());
    }
    let mut reply = asker.run(call).await?;
    asker.rechecked.fetch_add(ids.len() as u64, Relaxed);
    ids.iter().map(|_| readable(reply.next())).collect()
}

/// One record that cannot be read keeps no other holder from hearing.
fn readable(answer: Result<Remaining, Error>) -> Result<Remaining, Error> {
    match answer {
        Err(error) if error.kind() == ErrorKind::Unreadable => Ok(Remaining::Unknown),
        answer => answer,
    }
}
