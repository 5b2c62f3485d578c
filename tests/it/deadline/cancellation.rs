//! Tasks that a handler leaves behind learn that its request is over.

use std::{convert::Infallible, future::pending};

use http::Response;
use sluicegate::{
    deadline::{self, CancelCause, Cancellation, Deadline},
    refusal::{AsError, BoxError},
};
use tokio::{sync::oneshot, task::yield_now, time::sleep};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{Fed, Feeder, Req, answer, fed, ms, second};
use crate::support::{Journal, request};

/// A handler that sends its signal to the test and never answers.
async fn stuck(_: Req, signals: oneshot::Sender<Cancellation>) -> Response<String> {
    signals.send(deadline::cancellation()).unwrap();
    pending().await
}

#[tokio::test(start_paused = true)]
async fn the_signal_fires_when_the_deadline_passes() {
    let (sender, signal) = oneshot::channel();
    let sender = std::sync::Mutex::new(Some(sender));
    let handler = |req| stuck(req, sender.lock().unwrap().take().unwrap());
    let layer = second();
    let (_, cause) = tokio::join!(answer(&layer, request(), handler), async {
        let journal = Journal::<()>::new();
        let signal = signal.await.unwrap();
        assert_eq!((signal.is_cancelled(), signal.cause()), (false, None));
        signal.clone().cancelled().await;
        assert_eq!(journal.millis(), 1_000);
        signal.cause()
    });
    assert_eq!(cause, Some(CancelCause::Deadline));
}

#[tokio::test(start_paused = true)]
async fn the_signal_fires_when_the_client_is_gone() {
    let (sender, signal) = oneshot::channel();
    let request = tokio::spawn(async move {
        let sender = std::sync::Mutex::new(Some(sender));
        let handler = |req| stuck(req, sender.lock().unwrap().take().unwrap());
        answer(&second(), request(), &handler).await;
    });
    let signal = signal.await.unwrap();
    let journal = Journal::<()>::new();
    let waiting = tokio::spawn({
        let signal = signal.clone();
        async move { signal.cancelled().await }
    });
    yield_now().await;
    request.abort();
    waiting.await.unwrap();
    signal.cancelled().await;
    assert_eq!(
        (journal.millis(), signal.cause()),
        (0, Some(CancelCause::Gone))
    );
}

/// A handler that sends its signal to the test and answers with a fed body.
async fn answered() -> (Cancellation, Feeder, deadline::ResponseBody<Fed>) {
    let out = std::sync::Mutex::new(None);
    let handler = service_fn(async |_: Req| {
        let (feeder, body) = fed();
        *out.lock().unwrap() = Some((deadline::cancellation(), feeder));
        Ok::<_, BoxError>(Response::new(body))
    });
    let service = second().refuse_with(AsError).layer(handler);
    let response = service.oneshot(request()).await.unwrap();
    let (signal, feeder) = out.into_inner().unwrap().unwrap();
    (signal, feeder, response.into_body())
}

#[tokio::test(start_paused = true)]
async fn a_client_may_go_in_the_middle_of_the_body() {
    let (signal, _feeder, body) = answered().await;
    assert!(!signal.is_cancelled());
    drop(body);
    assert_eq!(signal.cause(), Some(CancelCause::Gone));
}

#[tokio::test(start_paused = true)]
async fn after_the_whole_answer_the_deadline_alone_counts() {
    let (signal, feeder, mut body) = answered().await;
    drop(feeder);
    assert!(super::support::next(&mut body).await.is_none());
    drop(body);
    assert!(!signal.is_cancelled());
    sleep(ms(1_000)).await;
    assert_eq!(signal.cause(), Some(CancelCause::Deadline));
    signal.cancelled().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_fires_the_signal() {
    let (sender, signal) = oneshot::channel();
    let request = tokio::spawn(async move {
        let sender = std::sync::Mutex::new(Some(sender));
        let handler = service_fn(async |_: Req| {
            let sender = sender.lock().unwrap().take().unwrap();
            sender.send(deadline::cancellation()).unwrap();
            panic!("on purpose");
            #[allow(unreachable_code)]
            Ok::<_, Infallible>(Response::new(String::new()))
        });
        let _ = second().layer(handler).oneshot(request()).await;
    });
    assert!(request.await.is_err());
    assert_eq!(signal.await.unwrap().cause(), Some(CancelCause::Gone));
}

#[tokio::test(start_paused = true)]
async fn the_signal_is_in_the_extensions_if_that_is_set() {
    let handler = |req: Req| async move {
        let signal = req.extensions().get::<Cancellation>().unwrap();
        assert!(!signal.is_cancelled());
        Response::new(String::new())
    };
    let layer = second().with_cancellation();
    assert_eq!(answer(&layer, request(), handler).await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn outside_of_a_request_only_the_current_deadline_counts() {
    assert!(!deadline::cancellation().is_cancelled());
    let scoped = deadline::scope(Deadline::after(ms(10)), async {
        deadline::cancellation().cancelled().await;
        deadline::current().unwrap().is_expired()
    });
    assert!(scoped.await);
}

#[tokio::test(start_paused = true)]
async fn a_signal_made_under_an_earlier_deadline_does_not_end_others() {
    let handler = async |_: Req| {
        let short = deadline::scope(Deadline::after(ms(10)), async {
            deadline::cancellation().is_cancelled()
        });
        assert!(!short.await);
        sleep(ms(20)).await;
        assert!(!deadline::cancellation().is_cancelled());
        Response::new(String::new())
    };
    assert_eq!(answer(&second(), request(), handler).await.status(), 200);
}
