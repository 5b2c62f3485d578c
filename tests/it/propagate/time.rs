//! Calls that take longer than their deadline.

use std::{
    future::{Future, pending},
    pin::pin,
    sync::Arc,
};

use futures_util::future::{lazy, poll_immediate};
use http::{Request, StatusCode};
use sluicegate::{
    deadline::{Counts, Deadline, PropagateDeadlineLayer, scope},
    refusal::{AsError, BoxError, Reason, Refusal, Refuse},
};
use tokio::time::{advance, sleep};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::{Bounded, LATE, OURS, grpc_request, layer};
use crate::support::{Journal, Req, Res, ms, request, request_with};

/// Returns the response to a call of `callee` that has a second.
async fn a_second_for<A, F, W>(
    layer: PropagateDeadlineLayer<A>,
    req: Req,
    callee: F,
) -> Result<Bounded, BoxError>
where
    A: Refuse<Request<()>, Bounded, BoxError> + Clone,
    F: Fn(Req) -> W + Clone,
    W: Future<Output = Result<Res, BoxError>>,
{
    let call = layer.layer(service_fn(callee)).oneshot(req);
    scope(Deadline::after(ms(1_000)), call).await
}

async fn never(_req: Req) -> Result<Res, BoxError> {
    pending().await
}

fn is_late(error: &BoxError) -> bool {
    let refusal = error.downcast_ref::<Refusal>();
    refusal.is_some_and(|refusal| refusal.reason() == Reason::DeadlineExceeded)
}

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_when_time_is_over() {
    let (counts, journal) = (Arc::new(Counts::default()), Journal::new());
    let observed = layer().observe(counts.clone());
    let http = a_second_for(observed.clone(), request(), never).await;
    assert_eq!(http.unwrap().status(), LATE);
    journal.write("http");
    let grpc = a_second_for(observed, grpc_request(), never).await;
    assert_eq!(grpc.unwrap().headers()["grpc-status"], "4");
    journal.write("grpc");
    let error = a_second_for(layer().refuse_with(AsError), request(), never).await;
    assert!(is_late(&error.unwrap_err()));
    journal.write("error");
    let expected = [(1_000, "http"), (2_000, "grpc"), (3_000, "error")];
    assert_eq!(journal.entries(), expected);
    assert_eq!(counts.snapshot().exceeded_in_client, 2);
}

#[tokio::test(start_paused = true)]
async fn the_shortest_of_all_times_ends_a_call() {
    let journal = Journal::new();
    for (said, most) in [("0.3s", 400), ("2s", 700), ("2s", 2_000)] {
        let layer = layer().call_max(ms(most));
        let answer = a_second_for(layer, request_with(OURS, said), never).await;
        assert_eq!(answer.unwrap().status(), LATE);
        journal.write(());
    }
    assert_eq!(journal.entries(), [(300, ()), (1_000, ()), (2_000, ())]);
}

#[tokio::test(start_paused = true)]
async fn the_call_is_dropped_before_its_caller_is_told() {
    let held = Arc::new(());
    let inside = Arc::downgrade(&held);
    let held = Arc::new(std::sync::Mutex::new(Some(held)));
    let never = move |_: Req| {
        let held = held.lock().unwrap().take();
        async move {
            let answer = pending().await;
            drop(held);
            answer
        }
    };
    let refuse = move |refusal: Refusal, _: &Request<()>| {
        assert!(inside.upgrade().is_none(), "it is still there");
        Err::<Bounded, BoxError>(refusal.into())
    };
    let answer = a_second_for(layer().refuse_with(refuse), request(), never).await;
    assert!(is_late(&answer.unwrap_err()));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_comes_at_the_last_instant_counts() {
    let answer = a_second_for(layer(), request(), |_| async {
        sleep(ms(1_000)).await;
        Ok(Res::new("just so".into()))
    });
    assert_eq!(answer.await.unwrap().body().get_ref().unwrap(), "just so");
}

/// Calls a callee with a second left, and polls the call only two seconds later.
async fn polled_late<F, W>(callee: F, polls_before: bool) -> Bounded
where
    F: Fn(Req) -> W + Clone,
    W: Future<Output = Result<Res, BoxError>>,
{
    let mut service = layer().layer(service_fn(callee));
    // The call belongs to the scope in which it is made, not polled.
    let call = scope(
        Deadline::after(ms(1_000)),
        lazy(|_| service.call(request())),
    );
    let mut call = pin!(call.await);
    if polls_before {
        assert!(poll_immediate(call.as_mut()).await.is_none());
    }
    advance(ms(2_000)).await;
    call.await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_head_after_the_deadline_is_late_if_the_call_waited_for_it() {
    let waits = |_| async {
        sleep(ms(1)).await;
        Ok(Res::default())
    };
    assert_eq!(polled_late(waits, true).await.status(), LATE);
    let is_there = |_| async { Ok(Res::default()) };
    assert_eq!(polled_late(is_there, false).await.status(), StatusCode::OK);
}

/// tonic's own timer makes such an error.
#[tokio::test(start_paused = true)]
async fn an_error_when_the_callee_should_have_given_up_is_an_exceeded_deadline() {
    for (after, is_late) in [(899, false), (900, true), (999, true)] {
        let answer = a_second_for(layer(), grpc_request(), move |_| async move {
            sleep(ms(after)).await;
            Err("timeout expired".into())
        });
        match answer.await {
            Ok(answer) => assert!(is_late && answer.headers()["grpc-status"] == "4"),
            Err(error) => assert!(!is_late && error.to_string() == "timeout expired"),
        }
    }
}

/// tonic's servers answer so when their time is over.
#[tokio::test(start_paused = true)]
async fn a_cancelled_status_after_the_callees_time_is_an_exceeded_deadline() {
    for (after, code, told) in [(899, "1", "1"), (900, "1", "4"), (900, "8", "8")] {
        let answer = a_second_for(layer(), grpc_request(), move |_| async move {
            sleep(ms(after)).await;
            let mut answer = Res::default();
            answer.headers_mut().insert("grpc-status", code.parse()?);
            Ok(answer)
        });
        assert_eq!(answer.await.unwrap().headers()["grpc-status"], told);
    }
}
