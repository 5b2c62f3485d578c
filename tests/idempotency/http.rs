//! Requests with keys, and their responses.

use std::{
    future::{pending, ready},
    sync::{Arc, OnceLock},
    time::Duration,
};

use ::http::{
    HeaderName, Method, Request, StatusCode,
    request::{Builder, Parts},
};
use axum::{Router, body::Body, response::Response};
use sluicegate::{
    clock::Manual,
    deadline::{self, Deadline, EnforceDeadlineLayer},
    idempotency::{
        CanonicalJson, Claimant, Fingerprint, IdempotencyLayer, KeyForm, Lease, Local, OnError,
        Takeover, Waiting,
    },
    key::{self, Global},
    refusal::{Answer, AsError, BoxError},
};
use tokio::sync::Semaphore;
use tower::{ServiceBuilder, ServiceExt, service_fn};

use crate::{
    server::{
        Reply, Server, Tally, answering, ask, counting, keyless, layer, layer_over, post, watched,
    },
    support::{LEASE, Moody},
};

const MINUTE: Duration = Duration::from_secs(60);

/// A router whose handler waits for a permit.
fn held() -> (Router, Tally, Arc<Semaphore>) {
    let permits = Arc::new(Semaphore::new(0));
    let gate = permits.clone();
    let (router, tally) = answering(move |nth| {
        let gate = gate.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            Response::new(format!("done {nth}").into())
        }
    });
    (router, tally, permits)
}

/// Waits until the work was begun this many times.
async fn begun(tally: &Tally, times: usize) {
    while tally.count() < times {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_same_request_is_done_once() {
    let (router, tally) = counting();
    let (layer, counts) = layer();
    let server = Server::of(router.layer(layer)).await;
    let first = server.ask(post("17"), "an order").await;
    assert_eq!((first.status, first.text()), (StatusCode::OK, "done 1"));
    assert!(!first.is_replayed());
    let again = server.ask(post("\"17\""), "an order").await;
    assert_eq!((again.status, again.text()), (StatusCode::OK, "done 1"));
    assert!(again.is_replayed());
    assert_eq!(tally.count(), 1);
    let counts = counts.snapshot();
    assert_eq!((counts.completed, counts.replayed), (1, 1));
}

#[tokio::test]
async fn the_handler_sees_the_whole_request_and_its_lease() {
    let handler = |lease: axum::Extension<Lease>, body: String| async move {
        assert!(!lease.is_recovered() && !lease.is_lost());
        body
    };
    let router = Router::new().route("/", axum::routing::post(handler));
    let server = Server::of(router.layer(layer().0)).await;
    let body = "x".repeat(300_000);
    assert_eq!(server.ask(post("17"), &body).await.text(), body);
    assert!(server.ask(post("17"), &body).await.is_replayed());
}

#[tokio::test]
async fn requests_without_a_key_or_with_other_methods_pass() {
    let (router, tally) = counting();
    let (layer, counts) = layer();
    let router = router.layer(layer);
    for nth in 1..=2 {
        let reply = ask(&router, keyless(), "").await;
        assert_eq!(reply.text(), format!("done {nth}"));
    }
    assert_eq!(counts.snapshot().passed, 2);
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        ask(&router, post("17, malformed").method(method), "").await;
    }
    assert_eq!(tally.count(), 5);
    assert!(
        ask(&router, post("17").method(Method::PATCH), "")
            .await
            .status
            .is_success()
    );
    assert!(
        ask(&router, post("17").method(Method::PATCH), "")
            .await
            .is_replayed()
    );
}

#[tokio::test]
async fn a_key_that_is_needed_and_missing_is_refused() {
    let (router, tally) = counting();
    let (layer, counts) = layer();
    let needed = |req: &Request<Body>| req.uri().path() == "/orders";
    let some = router.clone().layer(layer.clone().require(needed));
    let all = router.layer(layer.require_all());
    let refused = [
        ask(&some, keyless().uri("/orders"), "").await,
        ask(&all, keyless(), "").await,
    ];
    for reply in refused {
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.problem(), "key-missing");
    }
    assert_eq!((tally.count(), counts.snapshot().missing), (0, 2));
    assert!(ask(&some, keyless(), "").await.status.is_success());
    assert!(
        ask(&all, keyless().method(Method::GET), "")
            .await
            .status
            .is_success()
    );
}

#[tokio::test]
async fn an_exempt_request_is_not_inspected() {
    let (router, tally) = counting();
    let exempt = |req: &Request<Body>| req.uri().path() == "/orders";
    let router = router.layer(layer().0.require_all().exempt(exempt));
    for request in [post("17"), post("17"), post("a, b"), keyless()] {
        let reply = ask(&router, request.uri("/orders"), "").await;
        assert!(reply.status.is_success() && !reply.is_replayed());
    }
    assert_eq!(tally.count(), 4);
}

#[tokio::test]
async fn a_malformed_key_is_refused() {
    let (router, tally) = counting();
    let (layer, counts) = layer();
    let lenient = router.clone().layer(layer.clone());
    let strict = router.layer(layer.form(KeyForm::new().strict().length(3..=9)));
    let several = post("17").header("idempotency-key", "18");
    let refused = [
        ask(&lenient, post(""), "").await,
        ask(&lenient, post("a, b"), "").await,
        ask(&lenient, post("\"17"), "").await,
        ask(&lenient, post(&"7".repeat(256)), "").await,
        ask(&lenient, several, "").await,
        ask(&strict, post("order-17"), "").await,
        ask(&strict, post("\"17\""), "").await,
    ];
    for reply in &refused {
        assert_eq!(reply.status, StatusCode::BAD_REQUEST);
        assert_eq!(reply.problem(), "key-malformed");
    }
    let detail = |reply: &Reply| serde_json::from_slice::<serde_json::Value>(&reply.body).unwrap();
    assert_eq!(
        detail(&refused[6])["detail"],
        "invalid idempotency key of 2 bytes: must be 3 to 9"
    );
    assert_eq!((tally.count(), counts.snapshot().malformed), (0, 7));
    assert!(ask(&strict, post("\"17 8\""), "").await.status.is_success());
}

#[tokio::test]
async fn another_request_under_the_same_key_is_refused() {
    let (router, tally) = counting();
    let names = [HeaderName::from_static("x-currency")];
    let (layer, counts) = layer();
    let router = router.layer(layer.compare_headers(names));
    let first = || {
        post("17")
            .header("content-type", "application/json")
            .uri("/orders/1/pay?a=1")
    };
    ask(&router, first(), "{}").await;
    let others: [(Builder, &str); 6] = [
        (first(), "{ }"),
        (first(), ""),
        (first().uri("/orders/1/pay?a=1&"), "{}"),
        (first().uri("/orders/2/pay?a=1"), "{}"),
        (first().header("x-currency", "EUR"), "{}"),
        (
            post("17")
                .header("content-type", "text/json")
                .uri("/orders/1/pay?a=1"),
            "{}",
        ),
    ];
    for (other, body) in others {
        let refused = ask(&router, other, body).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(refused.problem(), "key-reused");
    }
    assert_eq!((tally.count(), counts.snapshot().mismatched), (1, 6));
    // Headers that do not describe the work do not count.
    let again = post("17").header("content-type", "Application/JSON; charset=utf-8");
    let again = again
        .uri("/orders/1/pay?a=1")
        .header("user-agent", "another");
    assert!(ask(&router, again, "{}").await.is_replayed());
}

#[tokio::test]
async fn heads_alone_are_compared_if_set() {
    let (router, tally) = counting();
    let layer = layer().0.compare_heads_only().max_request_body(3);
    let router = router.layer(layer.compare_headers([HeaderName::from_static("content-digest")]));
    let with = |digest| post("17").header("content-digest", digest);
    ask(&router, with("a"), "a long body").await;
    assert!(ask(&router, with("a"), "another one").await.is_replayed());
    let other = ask(&router, with("b"), "a long body").await;
    assert_eq!(other.problem(), "key-reused");
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn the_same_key_on_another_route_is_another_key_unless_set_otherwise() {
    let orders = || post("17").uri("/orders");
    let (router, tally) = counting();
    let by_route = router.layer(layer().0);
    ask(&by_route, orders(), "").await;
    assert_eq!(ask(&by_route, post("17"), "").await.text(), "done 2");
    assert_eq!(
        ask(&by_route, orders().method(Method::PATCH), "")
            .await
            .text(),
        "done 3"
    );
    assert_eq!(tally.count(), 3);
    // The route is the template, so another order is a mismatch, not a new key.
    assert_eq!(
        ask(&by_route, post("17").uri("/orders/1/pay"), "")
            .await
            .text(),
        "done 4"
    );
    let other = ask(&by_route, post("17").uri("/orders/2/pay"), "").await;
    assert_eq!(other.problem(), "key-reused");

    let (router, _) = counting();
    let named = layer().0.route(|head| head.uri.path().replace('1', ""));
    let named = router.layer(named);
    ask(&named, post("17").uri("/orders/1/pay"), "").await;
    let other = ask(&named, post("17").uri("/orders/11/pay"), "").await;
    assert_eq!(other.problem(), "key-reused");
}

/// A nested service sees its requests without the prefix of the nesting.
#[tokio::test]
async fn another_request_to_a_nested_router_is_refused() {
    for is_service in [false, true] {
        for layer in [layer().0, layer().0.one_scope_for_all_routes()] {
            let (router, tally) = counting();
            let orders = router.layer(layer);
            let router = match is_service {
                true => Router::new().nest_service("/of/{tenant}", orders),
                false => Router::new().nest("/of/{tenant}", orders),
            };
            ask(&router, post("17").uri("/of/ann/orders"), "").await;
            let again = ask(&router, post("17").uri("/of/ann/orders"), "").await;
            assert!(again.is_replayed());
            let other = ask(&router, post("17").uri("/of/bob/orders"), "").await;
            assert!(!other.is_replayed(), "{other:?}");
            assert_eq!(other.problem(), "key-reused");
            assert_eq!(tally.count(), 1);
        }
    }
}

#[tokio::test]
async fn two_tenants_with_the_same_key_never_meet() {
    let (router, tally) = counting();
    let layer = IdempotencyLayer::new(Local::new()).principal(key::header("x-api-key"));
    let anonymous = router.clone().layer(layer.clone().anonymous(Global));
    let server = Server::of(router.layer(layer)).await;
    let of = |tenant: &str| post("17").header("x-api-key", tenant);
    let ann = server.ask(of("ann"), "an order").await;
    let bob = server.ask(of("bob"), "an order").await;
    assert_eq!((ann.text(), bob.text()), ("done 1", "done 2"));
    assert_eq!(server.ask(of("ann"), "an order").await.text(), "done 1");
    assert_eq!(server.ask(of("bob"), "an order").await.text(), "done 2");

    let nobody = server.ask(post("17"), "an order").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
    assert_eq!(nobody.problem(), "principal-missing");
    assert!(server.ask(keyless(), "").await.status.is_success());
    assert_eq!(tally.count(), 3);

    let stranger = ask(&anonymous, post("17"), "an order").await;
    assert!(stranger.status.is_success() && !stranger.is_replayed());
    assert!(ask(&anonymous, post("17"), "an order").await.is_replayed());
    // A client cannot become anonymous by using the name of anonymous clients.
    for tenant in ["", "-", "(2,)"] {
        assert!(!ask(&anonymous, of(tenant), "an order").await.is_replayed());
    }
}

#[tokio::test]
async fn two_services_in_one_store_never_meet() {
    let (store, (router, tally)) = (Local::new(), counting());
    for namespace in ["orders", "mails"] {
        let (layer, _) = layer_over(store.clone());
        ask(
            &router.clone().layer(layer.namespace(namespace)),
            post("17"),
            "",
        )
        .await;
    }
    assert_eq!(tally.count(), 2);
}

#[tokio::test]
async fn work_is_finished_after_its_client_has_gone() {
    let (router, tally, permits) = held();
    let (layer, counts) = layer();
    let tracker = layer.tracker().clone();
    let (router, gone) = watched(router.layer(layer));
    let server = Server::of(router).await;
    let asked = tokio::spawn({
        let server = server.clone();
        async move { server.ask(post("17"), "an order").await }
    });
    begun(&tally, 1).await;
    asked.abort();
    assert!(asked.await.unwrap_err().is_cancelled());
    // The server has noticed, and has dropped the future of the response.
    gone.notified().await;
    assert_eq!(tracker.running(), 1);
    let running = server.ask(post("17"), "an order").await;
    assert_eq!(running.status, StatusCode::CONFLICT);

    permits.add_permits(1);
    assert_eq!(tracker.drain(MINUTE).await, 0);
    let again = server.ask(post("17"), "an order").await;
    assert_eq!((again.text(), again.is_replayed()), ("done 1", true));
    assert_eq!((tally.count(), counts.snapshot().completed), (1, 1));
}

#[tokio::test]
async fn a_duplicate_is_told_when_to_retry() {
    let (router, tally, permits) = held();
    let (layer, counts) = layer();
    let server = Server::of(router.layer(layer)).await;
    let first = tokio::spawn({
        let server = server.clone();
        async move { server.ask(post("17"), "an order").await }
    });
    begun(&tally, 1).await;
    let mismatch = server.ask(post("17"), "another order").await;
    assert_eq!(mismatch.problem(), "key-reused", "before it is running");
    let refused = server.ask(post("17"), "an order").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(refused.problem(), "still-running");
    assert_eq!(refused.headers["retry-after"], "1");
    permits.add_permits(1);
    assert_eq!(first.await.unwrap().text(), "done 1");
    assert_eq!(counts.snapshot().running, 1);
}

/// A handler blocks the only thread for ten leases, so that nothing renews.
#[tokio::test]
async fn work_that_blocks_its_runtime_is_not_done_twice() {
    let clock = Manual::new();
    let store = Local::builder().clock(clock.clone()).build();
    let claimant = Claimant::new(store).lease(LEASE);
    let whole: Arc<OnceLock<Router>> = Arc::default();
    let other = whole.clone();
    let (router, tally) = answering(move |nth| {
        let (other, clock) = (other.clone(), clock.clone());
        async move {
            clock.advance(10 * LEASE);
            if nth == 1 {
                let again = ask(other.get().unwrap(), post("17"), "").await;
                assert_eq!(again.problem(), "still-running");
                // The usual time of the work, not the rest of the lease.
                assert_eq!(again.headers["retry-after"], "1");
            }
            Response::new(format!("done {nth}").into())
        }
    });
    let router = router.layer(IdempotencyLayer::over(claimant).global_scope());
    let router = whole.get_or_init(|| router);
    assert_eq!(ask(router, post("17"), "").await.text(), "done 1");
    assert!(ask(router, post("17"), "").await.is_replayed());
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn a_hundred_duplicates_at_once_wait_for_the_first() {
    let (router, tally, permits) = held();
    let (layer, counts) = layer();
    let server = Server::of(router.layer(layer.wait(Waiting::up_to(MINUTE)))).await;
    let ask = || {
        let server = server.clone();
        tokio::spawn(async move { server.ask(post("17"), "an order").await })
    };
    let asked: Vec<_> = (0..100).map(|_| ask()).collect();
    begun(&tally, 1).await;
    permits.add_permits(1);
    let mut replayed = 0;
    for reply in asked {
        let reply = reply.await.unwrap();
        assert_eq!(reply.text(), "done 1");
        replayed += usize::from(reply.is_replayed());
    }
    assert_eq!((tally.count(), replayed), (1, 99));
    assert_eq!(counts.snapshot().replayed, 99);
}

#[tokio::test(start_paused = true)]
async fn no_request_waits_beyond_its_deadline() {
    let (router, tally, _permits) = held();
    let (layer, _) = layer_over(Moody::new());
    let router = router.layer(layer.wait(Waiting::up_to(MINUTE)));
    let first = router.clone();
    tokio::spawn(async move { ask(&first, post("17"), "").await });
    begun(&tally, 1).await;
    let begun = tokio::time::Instant::now();
    let second = Duration::from_secs(1);
    let late = deadline::scope(Deadline::after(second), ask(&router, post("17"), "")).await;
    assert_eq!(late.problem(), "still-running");
    assert!((second..2 * second).contains(&begun.elapsed()));
}

#[tokio::test(start_paused = true)]
async fn work_has_the_deadline_of_its_first_request() {
    let service =
        ServiceBuilder::new()
            .layer(layer().0)
            .service(service_fn(async |_: Request<String>| {
                let left = deadline::current().map(|deadline| deadline.remaining());
                Ok::<_, std::convert::Infallible>(::http::Response::new(format!("{left:?}")))
            }));
    let second = Duration::from_secs(1);
    let asked = service.oneshot(post("17").body(String::new()).unwrap());
    let Ok(response) = deadline::scope(Deadline::after(second), asked).await;
    assert_eq!(Reply::of(response).await.text(), "Some(1s)");
}

/// A router whose first handler panics.
fn panicking() -> (Router, Tally) {
    answering(async |nth| match nth {
        1 => panic!("on purpose"),
        nth => Response::new(format!("done {nth}").into()),
    })
}

/// Sends a request whose handler panics, and waits until its lease has lapsed.
async fn crashed(router: &Router) {
    let router = router.clone();
    let asked = tokio::spawn(async move { ask(&router, post("17"), "").await });
    assert!(asked.await.unwrap_err().is_panic(), "it is passed on");
    tokio::time::sleep(LEASE).await;
}

#[tokio::test(start_paused = true)]
async fn work_of_unknown_outcome_is_repeated_or_refused_as_set() {
    for takeover in [Takeover::Rerun, Takeover::Refuse] {
        let (router, tally) = panicking();
        let claimant = Claimant::new(Moody::new()).lease(LEASE).takeover(takeover);
        let router = router.layer(IdempotencyLayer::over(claimant).global_scope());
        crashed(&router).await;
        let again = ask(&router, post("17"), "").await;
        if takeover == Takeover::Rerun {
            assert_eq!((again.text(), tally.count()), ("done 2", 2));
            continue;
        }
        assert_eq!(again.status, StatusCode::CONFLICT);
        assert_eq!(again.problem(), "outcome-unknown");
        assert!(!again.headers.contains_key("retry-after"));
        assert_eq!(tally.count(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_leaves_the_outcome_unknown_unless_set_otherwise() {
    for (on_error, expected) in [(OnError::Lapse, 409), (OnError::Release, 200)] {
        let tally = Tally::default();
        let layer = layer_over(Moody::new()).0.on_error(on_error);
        let failing = move |_: Request<String>| {
            ready(match tally.add() {
                1 => Err("broken"),
                _ => Ok(::http::Response::new(String::new())),
            })
        };
        let service = ServiceBuilder::new()
            .layer(layer)
            .service(service_fn(failing));
        let ask = || {
            service
                .clone()
                .oneshot(post("17").body(String::new()).unwrap())
        };
        assert_eq!(ask().await.unwrap_err(), "broken");
        assert_eq!(ask().await.unwrap().status(), expected);
    }
}

/// It was dropped halfway, and may have been done in part.
#[tokio::test(start_paused = true)]
async fn work_that_a_deadline_cut_off_has_an_unknown_outcome() {
    let (router, tally, _) = held();
    let (layer, counts) = layer_over(Moody::new());
    let in_time = EnforceDeadlineLayer::new().default_timeout(LEASE / 10);
    let router = router.layer(in_time).layer(layer);
    let late = ask(&router, post("17"), "").await;
    assert_eq!(late.status, StatusCode::GATEWAY_TIMEOUT);
    assert_eq!(counts.snapshot().abandoned, 1);
    let again = ask(&router, post("17"), "").await;
    assert_eq!((&*again.problem(), tally.count()), ("still-running", 1));
}

#[tokio::test(start_paused = true)]
async fn the_error_of_a_deadline_leaves_the_outcome_unknown() {
    let (layer, counts) = layer_over(Moody::new());
    let in_time = EnforceDeadlineLayer::new().default_timeout(LEASE / 10);
    let service = ServiceBuilder::new()
        .layer(layer.refuse_with(AsError))
        .layer(in_time.refuse_with(AsError))
        .service(service_fn(|_: Request<String>| {
            pending::<Result<::http::Response<String>, BoxError>>()
        }));
    let asked = service.oneshot(post("17").body(String::new()).unwrap());
    assert!(asked.await.is_err());
    let counts = counts.snapshot();
    assert_eq!((counts.abandoned, counts.released), (1, 0));
}

#[tokio::test]
async fn the_preset_of_the_draft_is_strict() {
    let (router, tally) = counting();
    let router = router.layer(layer().0.ietf());
    assert_eq!(
        ask(&router, post("17"), "").await.problem(),
        "key-malformed"
    );
    ask(&router, post("\"17\""), "").await;
    let elsewhere = ask(&router, post("\"17\"").uri("/orders"), "").await;
    assert_eq!(elsewhere.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(tally.count(), 1);
}

#[tokio::test]
async fn the_preset_of_stripe_behaves_as_its_clients_expect() {
    let (router, tally) = counting();
    let router = router.layer(layer().0.stripe());
    ask(&router, post("KG5LxwFBepaKHyUD"), "").await;
    let again = ask(&router, post("KG5LxwFBepaKHyUD"), "").await;
    assert_eq!(again.headers["idempotent-replayed"], "true");
    assert!(!again.is_replayed());
    let other = ask(&router, post("KG5LxwFBepaKHyUD"), "other").await;
    assert_eq!(
        (other.status, &*other.problem()),
        (StatusCode::BAD_REQUEST, "key-reused")
    );
    assert_eq!(tally.count(), 1);
    ask(&router, post("KG5LxwFBepaKHyUD").method(Method::PATCH), "").await;
    assert_eq!(tally.count(), 2, "it has no keys");
}

#[tokio::test]
async fn a_refusal_links_to_the_description_of_keys() {
    let (router, _) = counting();
    let answer = Answer::new().keys_described_by("https://api.example/keys");
    let layer = layer().0.require_all().refuse_with(answer);
    let refused = ask(&router.layer(layer), keyless(), "").await;
    let link = "<https://api.example/keys>; rel=\"describedby\"; type=\"text/html\"";
    assert_eq!(refused.headers["link"], link);
}

#[tokio::test]
async fn a_broken_request_body_is_refused_and_claims_nothing() {
    let (router, tally) = counting();
    let (layer, counts) = layer();
    let router = router.layer(layer);
    let chunks = [Ok("an or"), Err("connection reset")];
    let body = Body::from_stream(futures_util::stream::iter(chunks));
    let Ok(response) = router.clone().oneshot(post("17").body(body).unwrap()).await;
    let refused = Reply::of(response).await;
    assert_eq!(
        (refused.status, &*refused.problem()),
        (StatusCode::BAD_REQUEST, "body-unreadable")
    );
    assert_eq!((tally.count(), counts.snapshot().unreadable), (0, 1));
    assert_eq!(ask(&router, post("17"), "an order").await.text(), "done 1");
}

/// Returns whether a request with this content type and body is the same as the
/// first one.
async fn is_same(router: &Router, (content_type, body): (&'static str, &str)) -> bool {
    let request = post("17").header("content-type", content_type);
    let reply = ask(router, request, body).await;
    match reply.status {
        StatusCode::UNPROCESSABLE_ENTITY => false,
        status => {
            assert!(status.is_success());
            true
        }
    }
}

#[tokio::test]
async fn the_comparison_of_requests_can_be_chosen() {
    const JSON: &str = "application/json";
    let json = || CanonicalJson::new().without(["/at"]);
    let form = |boundary: &str, amount: &str| {
        format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"amount\"\r\n\r\n{amount}\r\n--{boundary}--\r\n"
        )
    };

    let (router, tally) = counting();
    let router = router.layer(layer().0.compare_json(json()).compare_multipart());
    assert!(is_same(&router, (JSON, r#"{"to":"Ann","amount":17,"at":1}"#)).await);
    assert!(
        is_same(
            &router,
            (JSON, r#"{ "amount": 17.0, "at": 2, "to": "Ann" }"#)
        )
        .await
    );
    assert!(!is_same(&router, (JSON, r#"{"to":"Ann","amount":70}"#)).await);
    assert!(!is_same(&router, (JSON, r#"{"to":"Ann","amount":17"#)).await);
    // A body that is not JSON is compared byte for byte.
    assert!(!is_same(&router, ("text/plain", r#"{"to":"Ann","amount":17}"#)).await);
    assert_eq!(tally.count(), 1);

    let (router, tally) = counting();
    let router = router.layer(layer().0.compare_multipart());
    assert!(
        is_same(
            &router,
            ("multipart/form-data; boundary=a", &form("a", "17"))
        )
        .await
    );
    assert!(
        is_same(
            &router,
            ("multipart/form-data; boundary=b", &form("b", "17"))
        )
        .await
    );
    assert!(
        !is_same(
            &router,
            ("multipart/form-data; boundary=a", &form("a", "70"))
        )
        .await
    );
    assert_eq!(tally.count(), 1);

    let (router, tally) = counting();
    let own = |_: &Parts, body: &[u8]| Fingerprint::of(body.to_ascii_lowercase());
    let router = router.layer(layer().0.fingerprint(own));
    assert!(is_same(&router, ("text/plain", "an order")).await);
    assert!(is_same(&router, ("text/html", "An Order")).await);
    assert!(!is_same(&router, ("text/plain", "another")).await);
    assert_eq!(tally.count(), 1);
}
