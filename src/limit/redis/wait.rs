//! Waiting for one's turn.

use std::{future::Future, sync::Arc, time::Duration};

use tokio::time::sleep;

use super::{
    client::Shared,
    request::{Answer, Bucket},
};
use crate::{
    clock::Tick,
    limit::{
        decision::Decision,
        rules::{quota::Cost, script::Scripted},
    },
};

/// Counts in the line of a bucket, from the question on.
pub(super) struct InLine<R: Scripted> {
    shared: Arc<Shared<R>>,
    key: u64,
}

impl<R: Scripted> InLine<R> {
    /// `None` if there are as many as that already.
    pub(super) fn join(shared: &Arc<Shared<R>>, key: u64, most: usize) -> Option<Self> {
        shared.lines.join(key, most).then(|| Self {
            shared: shared.clone(),
            key,
        })
    }
}

impl<R: Scripted> Drop for InLine<R> {
    fn drop(&mut self) {
        self.shared.lines.leave(self.key);
    }
}

/// A place in the line that is given back when it is dropped before its turn.
pub(super) struct Place<R: Scripted> {
    line: InLine<R>,
    /// Taken out when its turn has come.
    bucket: Option<Bucket>,
    cost: Cost,
    answer: Answer,
}

impl<R: Scripted> Place<R> {
    pub(super) fn new(line: InLine<R>, bucket: Bucket, cost: Cost, answer: Answer) -> Self {
        Self {
            line,
            bucket: Some(bucket),
            cost,
            answer,
        }
    }

    /// Waits until its turn has come, counted from this call.
    pub(super) fn come_due(mut self, wait: Tick) -> impl Future<Output = Decision> + Send {
        let due = sleep(Duration::from_micros(wait));
        async move {
            due.await;
            self.taken()
        }
    }

    /// Its turn has come.
    pub(super) fn taken(&mut self) -> Decision {
        self.bucket = None;
        self.answer.decision.when_due()
    }
}

impl<R: Scripted> Drop for Place<R> {
    fn drop(&mut self) {
        if let Some(bucket) = self.bucket.take() {
            self.line.shared.give_back(bucket, self.cost, &self.answer);
        }
    }
}
