//! Accepts cancellations, which have keys of their own.

use axum::{
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use sluicegate::idempotency::Fingerprint;

use super::{
    admission::Admission,
    keys,
    orders::{respond, unknown},
    problem::Problem,
    state::App,
};
use crate::{
    event::Reason,
    pipeline::{Context, Counters, Reserved},
    store::{Accepted, NewCancel, NotCancelled},
};

/// `POST /orders/{id}/cancel`
pub(super) async fn cancel(
    State(App { context, .. }): State<App>,
    order: Result<Path<i64>, PathRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Path(order) = order?;
    let fingerprint = Fingerprint::of(order.to_be_bytes());
    let request = keys::request(&headers, "/orders/{id}/cancel", fingerprint)?;
    let accepted = match context.admit(&request).await? {
        Admission::Known(known) => known,
        Admission::New(reserved) => write(&context, NewCancel { request, order }, reserved).await?,
    };
    match accepted {
        Accepted::New(event) => Ok(respond(event, order, false)),
        Accepted::Known(event) => Ok(respond(event, order, true)),
        Accepted::KeyReused => Err(keys::reused()),
    }
}

/// Writes the event of a cancellation, unless its key is known.
async fn write(
    context: &Context,
    cancel: NewCancel,
    reserved: Reserved,
) -> Result<Accepted, Problem> {
    let order = cancel.order;
    let written = context.store.cancel(&cancel).await;
    let (accepted, was_buried) = written.map_err(|error| refused(order, error))?;
    if let Accepted::New(_) = accepted {
        Counters::add(&context.gauges.counters.accepted);
        reserved.written();
        stop_order(context, order, was_buried).await;
    } else {
        Counters::add(&context.gauges.counters.replayed);
    }
    Ok(accepted)
}

/// Tells the order's own event, if a worker holds it. Nothing depends on that: an
/// order that is charged all the same is refunded.
async fn stop_order(context: &Context, order: i64, was_buried: bool) {
    if was_buried {
        context.gauges.counters.buried(Reason::Cancelled);
        context.backlog.ended();
    }
    let deadline = context.store.deadline_of(order).await.ok().flatten();
    if let Some(id) = deadline.and_then(|id| id.parse().ok()) {
        let _ = context
            .deadlines
            .cancel(&id, "the order was cancelled")
            .await;
    }
    context.wake.notify_one();
}

fn refused(order: i64, error: NotCancelled) -> Problem {
    match error {
        NotCancelled::NoOrder => unknown(order),
        NotCancelled::Already => {
            let detail = format!("order {order} was cancelled under another Idempotency-Key");
            Problem::new(StatusCode::CONFLICT, detail)
        }
        NotCancelled::Sql(error) => error.into(),
    }
}
