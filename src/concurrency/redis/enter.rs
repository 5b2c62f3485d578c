//! How a request gets a permit that has to be leased.

use std::{pin::pin, sync::Arc};

use tokio::time::{Instant, timeout_at};

use super::leased_limit::LeasedLimit;
use crate::concurrency::{
    ask::Ask,
    gate::{Entry, Permit, Waiting},
    shed::Shed,
};

/// Admits a request under a lease, or lets it wait, or refuses it.
#[inline]
pub(super) fn enter(limit: &Arc<LeasedLimit>, ask: Ask) -> Entry {
    match limit.take(ask.rank) {
        Some(permit) => Entry::Admitted(permit),
        None => enter_without(limit, ask),
    }
}

/// The same if no permit is free here. The request waits for the reply of the
/// server if that may bring one, and only then for its turn.
#[cold]
#[inline(never)]
fn enter_without(limit: &Arc<LeasedLimit>, ask: Ask) -> Entry {
    if limit.gate.is_cut_off(ask.rank) || !limit.miss() {
        return queue_or_refuse(limit, ask);
    }
    let (gate, limit) = (limit.gate.clone(), limit.clone());
    let wait = async move {
        match wait_for_lease(&limit, ask).await? {
            Some(permit) => Ok(permit),
            None => queue_or_refuse(&limit, ask).await,
        }
    };
    Entry::Queued(Waiting::for_lease(&gate, ask.rank, Box::pin(wait)))
}

/// Waits until the server has answered, at most as long as a call takes.
/// Returns a permit, or `None` if none is to be had.
async fn wait_for_lease(limit: &Arc<LeasedLimit>, ask: Ask) -> Result<Option<Permit>, Shed> {
    let _waiting = limit.wait();
    let deadline = ask.deadline.map(|deadline| deadline.instant());
    let until = Instant::now() + limit.shared.outbox.connection.timeout();
    let until = deadline.map_or(until, |deadline| deadline.min(until));
    loop {
        let mut answered = pin!(limit.answered.notified());
        // From here on no answer is missed.
        answered.as_mut().enable();
        if let Some(permit) = limit.take(ask.rank) {
            return Ok(Some(permit));
        }
        if !limit.ask() {
            return Ok(None);
        }
        if timeout_at(until, answered).await.is_err() {
            let is_expired = deadline.is_some_and(|deadline| deadline <= until);
            return if is_expired {
                Err(Shed::Expired)
            } else {
                Ok(None)
            };
        }
    }
}

/// Takes a place in the queue of this instance, if it has one.
fn queue_or_refuse(limit: &Arc<LeasedLimit>, ask: Ask) -> Entry {
    match limit.gate.queue_or_refuse(ask) {
        Entry::Admitted(permit) => match limit.checked(permit) {
            Some(permit) => Entry::Admitted(permit),
            None => Entry::Refused(Shed::Full),
        },
        Entry::Queued(turn) => {
            let (gate, limit) = (limit.gate.clone(), limit.clone());
            let wait = async move { wait_for_turn(&limit, turn, ask).await };
            Entry::Queued(Waiting::for_lease(&gate, ask.rank, Box::pin(wait)))
        }
        refused @ Entry::Refused(_) => refused,
    }
}

/// Waits for its turn, and begins anew if the lease has ended by then.
async fn wait_for_turn(
    limit: &Arc<LeasedLimit>,
    mut turn: Waiting,
    ask: Ask,
) -> Result<Permit, Shed> {
    loop {
        let permit = turn.await?;
        if let Some(permit) = limit.checked(permit) {
            return Ok(permit);
        }
        turn = match limit.gate.queue_or_refuse(ask) {
            Entry::Queued(turn) => turn,
            Entry::Admitted(permit) => return limit.checked(permit).ok_or(Shed::Full),
            Entry::Refused(shed) => return Err(shed),
        };
    }
}
