//! The third stage: events are completed, and their amounts booked.

use async_channel::Receiver;

use super::{
    context::Context,
    gauges::{Counters, Stage},
    insist::insist,
};
use crate::store::Booking;

/// How many events one transaction completes.
const MAX_BATCH: usize = 64;

/// Completes events until the channel is empty and has no sender. Those that wait at
/// the same time share a transaction.
pub(super) async fn settle(context: Context, from: Receiver<Booking>) {
    while let Ok(first) = from.recv().await {
        let mut batch = vec![first];
        while batch.len() < MAX_BATCH
            && let Ok(next) = from.try_recv()
        {
            batch.push(next);
        }
        let inflight = batch.iter().map(|_| context.gauges.begin(Stage::Settle));
        let _inflight: Vec<_> = inflight.collect();
        context.linger(Stage::Settle).await;
        // Processes that share the database lock rows in the same order.
        batch.sort_by_key(|booking| booking.event.id);
        let settled = insist(&context, || context.store.settle(&batch)).await;
        for is_held in settled.into_iter().flatten() {
            note(&context, is_held);
        }
        // A cancellation may wait for one of them.
        context.wake.notify_one();
    }
}

fn note(context: &Context, is_held: bool) {
    let counters = &context.gauges.counters;
    if is_held {
        Counters::add(&counters.completed);
        context.backlog.ended();
    } else {
        Counters::add(&counters.lost);
    }
}
