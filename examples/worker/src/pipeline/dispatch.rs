//! Takes events that are due out of the outbox.

use std::time::Duration;

use async_channel::Sender;
use tokio::time;
use tracing::warn;

use super::context::Context;
use crate::{store::Event, time as clock};

/// The longest pause between two looks: another process may have accepted an event.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The shortest pause: a cancellation may wait for an order that is held.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);

/// Fills the channel of the first stage, until the pipeline stops.
pub(super) async fn dispatch(context: Context, to: Sender<Event>) {
    // As many as half of the channel holds, because a transaction for each event would
    // cost more than its work. At most that many wait here for room.
    let batch = to.capacity().unwrap_or(1).div_ceil(2);
    while !context.is_stopping() {
        match context.store.take(batch, context.policy.lease).await {
            Ok(events) if events.is_empty() => pause(&context).await,
            Ok(events) => {
                for event in events {
                    // Also while stopping: the first stage gives them back.
                    if to.send(event).await.is_err() {
                        return;
                    }
                }
            }
            Err(error) => {
                warn!(%error, "cannot take events; trying again");
                time::sleep(LONGEST_PAUSE).await;
            }
        }
    }
}

/// Waits until an event may be due.
async fn pause(context: &Context) {
    let next = context.store.next_due().await.ok().flatten();
    let pause = next.map_or(LONGEST_PAUSE, clock::until);
    let pause = pause.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
    tokio::select! {
        () = context.wake.notified() => {}
        () = context.drain.signalled() => {}
        () = time::sleep(pause) => {}
    }
}

/// Holds the events of this process for longer, three times in each lease.
pub(super) async fn hold(context: Context) {
    loop {
        time::sleep(context.policy.lease / 3).await;
        if let Err(error) = context.store.hold(context.policy.lease).await {
            warn!(%error, "cannot hold events for longer");
        }
    }
}
