//! Writes orders into the outbox: all that arrive while a transaction is under way
//! share the next one.

use tokio::sync::{mpsc, oneshot};
use tracing::warn;

use crate::{
    pipeline::{Context, Counters, Reserved},
    store::{Accepted, NewOrder},
};

/// How many orders one transaction writes, and how many may wait for it.
const MAX_BATCH: usize = 128;

/// An order, its place in the outbox, and the channel of its answer.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) order: NewOrder,
    pub(super) reserved: Reserved,
    /// `None` as the answer means that the database failed.
    pub(super) answer: oneshot::Sender<Option<Accepted>>,
}

/// Starts the writer, which ends when its sender is dropped.
pub(super) fn start(context: Context) -> mpsc::Sender<Incoming> {
    let (to, from) = mpsc::channel(MAX_BATCH);
    tokio::spawn(write(context, from));
    to
}

async fn write(context: Context, mut from: mpsc::Receiver<Incoming>) {
    let mut batch = Vec::with_capacity(MAX_BATCH);
    while from.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let orders: Vec<NewOrder> = batch.iter().map(|it| it.order.clone()).collect();
        let written = context.store.accept(&orders).await;
        let accepted = written.unwrap_or_else(|error| {
            warn!(%error, "orders cannot be written");
            Vec::new()
        });
        let mut accepted = accepted.into_iter();
        for incoming in batch.drain(..) {
            incoming.answer(&context, accepted.next());
        }
        context.wake.notify_one();
    }
}

impl Incoming {
    fn answer(self, context: &Context, accepted: Option<Accepted>) {
        match &accepted {
            Some(Accepted::New(_)) => {
                Counters::add(&context.gauges.counters.accepted);
                self.reserved.written();
            }
            Some(Accepted::Known(_)) => Counters::add(&context.gauges.counters.replayed),
            _ => {}
        }
        // The client may have gone: its retry finds the order.
        let _ = self.answer.send(accepted);
    }
}
