//! The settings of the layer, each as a request meets it.

use std::{convert::Infallible, error::Error, sync::Arc};

use http::{HeaderMap, Request, Response, StatusCode, header::RETRY_AFTER};
use sluicegate::{
    clock::Tokio,
    key::{self, ClientIp, Key, KeyExt},
    limit::{
        All, Check, Counts, Decision, Event, Limiter, Local, Observe, Quota, RateLimitLayer,
        RequestOutcome, Snapshot, Tiers, TokenBucket, Verdict, Wait,
    },
    refusal::{Answer, AsError, BoxError, Headers, Reason, Refusal},
};
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::{
    Later, Probe, Req, Res, a_few, direct, keyed, layer_of, ms, passing, request, request_with,
    send, status,
};

const OK: StatusCode = StatusCode::OK;
const REFUSED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

fn length(req: &Req) -> u64 {
    req.body().len() as u64
}

fn is_health_check(req: &Req) -> bool {
    req.uri().path() == "/health"
}

fn grpc_request() -> Req {
    request_with("content-type", "application/grpc")
}

/// The one answer of a layer to a request.
async fn answer<L>(layer: RateLimitLayer<L>, req: Req) -> Res
where
    L: Limiter<()> + Clone + 'static,
{
    send(&mut layer.layer(Probe::new()), req).await
}

fn problem(res: &Res) -> serde_json::Value {
    assert_eq!(res.headers()["content-type"], "application/problem+json");
    serde_json::from_str(res.body()).unwrap()
}

fn quota_headers(headers: &HeaderMap) -> Vec<&str> {
    let names = headers.keys().map(|name| name.as_str());
    names.filter(|name| name.contains("ratelimit")).collect()
}

#[tokio::test]
async fn a_request_takes_what_it_costs() {
    let limiter = direct(a_few(12));
    let layer = RateLimitLayer::new(limiter.clone()).cost(length);
    let mut service = layer.layer(Probe::new());
    assert_eq!(passing(&mut service, 3).await, 2);
    assert_eq!(limiter.peek().remaining(), 2);
    assert_eq!(send(&mut service, Req::new("ab".into())).await.status(), OK);
}

#[tokio::test]
async fn a_request_that_costs_nothing_passes_though_nothing_is_left() {
    let mut service = layer_of(a_few(5)).cost(length).layer(Probe::new());
    assert_eq!(passing(&mut service, 2).await, 1);
    assert_eq!(send(&mut service, Req::default()).await.status(), OK);
}

#[tokio::test]
async fn a_request_that_costs_more_than_the_limit_is_told_no_time_to_retry() {
    let res = send(
        &mut layer_of(a_few(4)).cost(length).layer(Probe::new()),
        request(),
    )
    .await;
    assert_eq!(res.status(), REFUSED);
    assert!(!res.headers().contains_key(RETRY_AFTER));
    let detail = problem(&res)["detail"].to_string();
    assert!(detail.contains("more than the limit"), "{detail}");
}

#[tokio::test]
async fn a_partners_response_comes_back_as_it_is() {
    let partner = service_fn(|_: Req| async {
        let response = Response::builder().header("ratelimit", r#""theirs";r=7"#);
        Ok::<_, Infallible>(response.body(String::new()).unwrap())
    });
    let mut client = RateLimitLayer::client(direct(a_few(1))).layer(partner);
    let res = client.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(quota_headers(res.headers()), ["ratelimit"]);
    assert_eq!(res.headers()["ratelimit"], r#""theirs";r=7"#);
    let refused = client.ready().await.unwrap().call(request()).await.unwrap();
    assert_eq!(refused.status(), REFUSED);
    assert!(quota_headers(refused.headers()).is_empty());
}

#[tokio::test]
async fn an_exempt_request_passes_without_a_charge() {
    let limiter = direct(a_few(1));
    let layer = RateLimitLayer::new(limiter.clone()).exempt(is_health_check);
    let mut service = layer.layer(Probe::new());
    for _ in 0..5 {
        let check = Request::get("/health").body(String::new()).unwrap();
        let res = send(&mut service, check).await;
        assert_eq!((res.status(), quota_headers(res.headers())), (OK, vec![]));
    }
    assert_eq!(limiter.peek().remaining(), 1);
    assert_eq!(passing(&mut service, 2).await, 1);
}

#[tokio::test]
async fn a_request_without_a_key_is_refused() {
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    let mut service = layer.layer(Probe::new());
    let res = send(&mut service, request()).await;
    assert_eq!(res.status(), StatusCode::BAD_REQUEST);
    assert_eq!(problem(&res)["status"], 400);
    assert_eq!(
        res.extensions().get::<Refusal>().unwrap().reason(),
        Reason::NoKey
    );
    let res = send(&mut service, grpc_request()).await;
    assert_eq!(
        (res.status(), &res.headers()["grpc-status"]),
        (OK, &"3".parse().unwrap())
    );
    assert_eq!(service.get_ref().calls(), 0);
}

/// The status and reason of a request under this key that has no peer.
async fn without_a_peer<K>(key: K) -> (StatusCode, Reason)
where
    K: Key<Req> + Clone + 'static,
{
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key);
    let mut service = layer.layer(Probe::new());
    let res = send(&mut service, request()).await;
    assert_eq!(service.get_ref().calls(), 0);
    let status = res.status();
    assert_eq!(problem(&res)["status"], status.as_u16());
    (status, res.extensions().get::<Refusal>().unwrap().reason())
}

#[tokio::test]
async fn a_server_that_does_not_know_its_peers_is_at_fault() {
    let by_header = || key::header("x-api-key");
    let servers_fault = (StatusCode::INTERNAL_SERVER_ERROR, Reason::NoPeer);
    assert_eq!(without_a_peer(ClientIp::peer()).await, servers_fault);
    assert_eq!(
        without_a_peer((by_header(), ClientIp::peer())).await,
        servers_fault
    );
    assert_eq!(
        without_a_peer((ClientIp::peer(), by_header())).await,
        servers_fault
    );
    assert_eq!(
        without_a_peer(by_header().or(ClientIp::peer())).await,
        servers_fault
    );
    let callers_fault = (StatusCode::BAD_REQUEST, Reason::NoKey);
    assert_eq!(
        without_a_peer((by_header(), key::Global)).await,
        callers_fault
    );

    let layer = RateLimitLayer::new(keyed(a_few(1))).key(ClientIp::peer());
    let res = send(&mut layer.layer(Probe::new()), grpc_request()).await;
    assert_eq!(
        (res.status(), &res.headers()["grpc-status"]),
        (OK, &"13".parse().unwrap())
    );
}

#[tokio::test]
async fn a_request_without_a_key_passes_where_that_is_wanted() {
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    let mut service = layer.pass_without_key().layer(Probe::new());
    assert_eq!(passing(&mut service, 3).await, 3);
    for (key, expected) in [("one", OK), ("one", REFUSED), ("two", OK)] {
        let res = send(&mut service, request_with("x-api-key", key)).await;
        assert_eq!(res.status(), expected);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Plan {
    Free,
    Paid,
    Unlisted,
}

fn plan(req: &Req) -> Option<Plan> {
    Some(match req.headers().get("x-plan")?.to_str().ok()? {
        "free" => Plan::Free,
        "paid" => Plan::Paid,
        _ => Plan::Unlisted,
    })
}

fn request_of(plan: &str, user: &str) -> Req {
    let mut req = request_with("x-plan", plan);
    req.headers_mut().insert("x-user", user.parse().unwrap());
    req
}

#[tokio::test]
async fn every_tier_has_its_own_limit_and_its_own_buckets() {
    let limit = |name, burst| Local::builder(a_few(burst)).name(name).keyed();
    let tiers = Tiers::new(limit("default", 1))
        .tier(Plan::Free, limit("free", 2))
        .tier(Plan::Paid, limit("paid", 4));
    let layer = RateLimitLayer::new(tiers).key((key::by(plan), key::header("x-user")));
    let mut service = layer.layer(Probe::new());
    for (plan, name, burst) in [
        ("free", "free", 2),
        ("paid", "paid", 4),
        ("gold", "default", 1),
    ] {
        for user in ["ann", "bob"] {
            for left in (0..burst).rev() {
                let res = send(&mut service, request_of(plan, user)).await;
                let expected = format!("\"{name}\";r={left}");
                let state = res.headers()["ratelimit"].to_str().unwrap();
                assert!(state.starts_with(&expected), "{plan} {user}: {state}");
            }
            let refused = send(&mut service, request_of(plan, user)).await;
            assert_eq!(problem(&refused)["violated-policies"][0], name);
        }
    }
}

#[tokio::test]
async fn nothing_of_a_blocked_tier_passes() {
    let limit = |name, burst| Local::builder(a_few(burst)).name(name).keyed();
    let tiers = Tiers::new(limit("default", 9)).blocked(Plan::Free);
    let key = (key::by(plan), key::header("x-user"));
    let layer = RateLimitLayer::new(tiers.clone()).key(key);
    let mut service = layer.cost(|_: &Req| 0).layer(Probe::new());
    assert_eq!(
        send(&mut service, request_of("paid", "ann")).await.status(),
        OK
    );
    let res = send(&mut service, request_of("free", "ann")).await;
    assert_eq!(res.status(), REFUSED);
    assert!(!res.headers().contains_key(RETRY_AFTER));
    assert_eq!(res.headers()["ratelimit"], r#""blocked";r=0"#);
    assert_eq!(problem(&res)["violated-policies"][0], "blocked");
    assert_eq!(
        problem(&res)["detail"],
        "the limit `blocked` admits no requests"
    );
    let mut req = request_of("free", "ann");
    let grpc = "application/grpc".parse().unwrap();
    req.headers_mut().insert("content-type", grpc);
    let res = send(&mut service, req).await;
    assert_eq!(res.headers()["grpc-retry-pushback-ms"], "-1");

    // One of several, it refuses before anything is charged.
    let total = keyed(a_few(9));
    let all = All((total.clone(), tiers));
    let key = ("k", (Plan::Free, "ann"));
    let Check::Now(decision) = all.check(&key, 1) else {
        panic!("it is decided at once");
    };
    assert_eq!(&*all.limit_of(&key, &decision), "blocked");
    assert_eq!(total.peek("k").remaining(), 9);
    let key = ("k", (Plan::Paid, "ann"));
    assert!(matches!(all.check(&key, 1), Check::Now(it) if it.is_admitted()));
}

#[tokio::test]
async fn a_tier_may_be_borrowed_from_the_request() {
    let limit = |name, burst| Local::builder(a_few(burst)).name(name).keyed();
    let tiers = Tiers::new(limit("default", 1)).tier(Plan::Paid, limit("paid", 2));
    let key = (
        key::extension::<Plan>(),
        key::by_ref(|req: &Req| Some(req.uri().path())),
    );
    let layer = RateLimitLayer::new(tiers).key(key);
    let mut service = layer.layer(Probe::new());
    for expected in [OK, OK, REFUSED] {
        let mut req = request();
        req.extensions_mut().insert(Plan::Paid);
        assert_eq!(send(&mut service, req).await.status(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_alone_is_the_longest_wait() {
    let rule = TokenBucket::new(Quota::per_second(1));
    let limiter = Local::builder(rule).clock(Tokio::new()).direct();
    let mut service = RateLimitLayer::new(limiter)
        .wait(ms(1_000))
        .layer(Probe::new());
    let start = tokio::time::Instant::now();
    assert_eq!(passing(&mut service, 2).await, 2);
    assert_eq!(start.elapsed(), ms(1_000));
}

#[tokio::test]
async fn no_time_helps_is_said_in_grpc() {
    let pushback = |res: &Res| {
        let field = res.headers().get("grpc-retry-pushback-ms");
        field.map(|it| it.to_str().unwrap().to_owned())
    };
    let costly = layer_of(a_few(1)).cost(length);
    let res = send(&mut costly.layer(Probe::new()), grpc_request()).await;
    assert_eq!(pushback(&res).as_deref(), Some("-1"));
    assert!(!res.headers().contains_key("grpc-status-details-bin"));
    let keyless = RateLimitLayer::new(keyed(a_few(1))).key(key::header("x-api-key"));
    let res = send(&mut keyless.layer(Probe::new()), grpc_request()).await;
    assert_eq!(pushback(&res).as_deref(), Some("-1"));
    // The retry time of these is unknown, which is not "never".
    let failing = RateLimitLayer::new(Later::failing_with("gone"));
    assert_eq!(pushback(&answer(failing, grpc_request()).await), None);
}

#[tokio::test]
async fn a_request_without_a_key_is_counted_under_the_limiters_name() {
    let counts = Arc::new(Named::default());
    let limit = |name: &str| Local::builder(a_few(1)).name(name).keyed();
    let layer = RateLimitLayer::new(limit("api")).key(key::header("x-api-key"));
    let layer = layer.observe(counts.clone());
    status(&mut layer.layer(Probe::new())).await;
    status(&mut layer.clone().pass_without_key().layer(Probe::new())).await;
    let both = (key::header("a"), key::header("b"));
    let all = RateLimitLayer::new(All((limit("first"), limit("second")))).key(both);
    let all = all.observe(counts.clone());
    status(&mut all.layer(Probe::new())).await;
    let tiers = RateLimitLayer::new(Tiers::<Plan, _>::new(limit("free")));
    let tiers = tiers.key((key::by(plan), key::header("x-user")));
    status(&mut tiers.observe(counts.clone()).layer(Probe::new())).await;
    let seen = |name: &str, outcome| (name.to_owned(), outcome);
    let expected = [
        seen("api", RequestOutcome::Refused),
        seen("api", RequestOutcome::Keyless),
        seen("first", RequestOutcome::Refused),
        seen("free", RequestOutcome::Refused),
    ];
    assert_eq!(*counts.0.lock().unwrap(), expected);
}

/// The names and outcomes that an observer is told.
#[derive(Debug, Default)]
struct Named(std::sync::Mutex<Vec<(String, RequestOutcome)>>);

impl Observe for Named {
    fn decided(&self, event: &Event<'_>) {
        let seen = (event.limiter.to_owned(), event.outcome);
        self.0.lock().unwrap().push(seen);
    }
}

/// Tiers may stand over one limiter; then users have one bucket in all of them,
/// unless the key says otherwise.
#[tokio::test]
async fn a_tier_is_a_part_of_the_key_where_the_key_says_so() {
    let shared = keyed(a_few(1));
    let by_user = Tiers::new(shared.clone()).tier(Plan::Paid, shared);
    let both = (key::by(plan), key::header("x-user"));
    let mut service = RateLimitLayer::new(by_user).key(both).layer(Probe::new());
    assert_eq!(
        send(&mut service, request_of("free", "ann")).await.status(),
        OK
    );
    assert_eq!(
        send(&mut service, request_of("paid", "ann")).await.status(),
        REFUSED
    );

    let both = (key::by(plan), key::header("x-user"));
    let by_both = RateLimitLayer::new(keyed(a_few(1))).key(both);
    let mut service = by_both.layer(Probe::new());
    assert_eq!(
        send(&mut service, request_of("free", "ann")).await.status(),
        OK
    );
    assert_eq!(
        send(&mut service, request_of("paid", "ann")).await.status(),
        OK
    );
    assert_eq!(
        send(&mut service, request_of("free", "ann")).await.status(),
        REFUSED
    );
}

#[tokio::test]
async fn a_second_key_never_shares_a_budget_with_the_first() {
    use key::KeyExt;
    let either = key::header("x-user").or(key::header("x-device"));
    let layer = RateLimitLayer::new(keyed(a_few(1))).key(either);
    let mut service = layer.layer(Probe::new());
    for (header, expected) in [("x-user", OK), ("x-device", OK), ("x-user", REFUSED)] {
        let res = send(&mut service, request_with(header, "7")).await;
        assert_eq!(res.status(), expected, "{header}");
    }
}

#[tokio::test]
async fn in_shadow_mode_all_pass_unmarked_and_are_counted() {
    let counts = Arc::new(Counts::default());
    let layer = layer_of(a_few(2)).shadow(true).observe(counts.clone());
    let mut service = layer.layer(Probe::new());
    for _ in 0..5 {
        let res = send(&mut service, request()).await;
        assert_eq!((res.status(), quota_headers(res.headers())), (OK, vec![]));
        assert!(res.extensions().is_empty());
    }
    let snapshot = counts.snapshot();
    assert_eq!(
        (snapshot.admitted, snapshot.shadowed, snapshot.refused),
        (2, 3, 0)
    );
    assert_eq!(service.get_ref().calls(), 5);
}

#[tokio::test]
async fn shadow_mode_refuses_neither_keyless_nor_failed_requests() {
    let counts = Arc::new(Counts::default());
    let keyless = RateLimitLayer::new(keyed(a_few(1)))
        .key(key::header("x-api-key"))
        .shadow(true)
        .observe(counts.clone());
    assert_eq!(status(&mut keyless.layer(Probe::new())).await, OK);
    let failing = RateLimitLayer::new(Later::failing_with("gone"))
        .shadow(true)
        .observe(counts.clone());
    assert_eq!(answer(failing, request()).await.status(), OK);
    let snapshot = counts.snapshot();
    assert_eq!(
        (snapshot.keyless, snapshot.failed, snapshot.refused),
        (1, 1, 0)
    );
}

#[tokio::test(start_paused = true)]
async fn in_shadow_mode_no_request_waits() {
    let limiter = Local::builder(a_few(1)).clock(Tokio::new()).direct();
    let layer = RateLimitLayer::new(limiter.clone())
        .wait(Wait::up_to(ms(3_600_000)))
        .shadow(true);
    let start = tokio::time::Instant::now();
    assert_eq!(passing(&mut layer.layer(Probe::new()), 4).await, 4);
    assert!(start.elapsed().is_zero());
    assert_eq!(
        limiter.peek().reset_after(),
        ms(60_000),
        "nothing is booked"
    );
}

#[tokio::test]
async fn a_plain_service_fails_with_the_refusal() {
    let plain = service_fn(|n: u32| async move { Ok::<_, BoxError>(n + 1) });
    let mut service = layer_of(a_few(1)).refuse_with(AsError).layer(plain);
    assert_eq!(service.ready().await.unwrap().call(1).await.unwrap(), 2);
    let error = service.ready().await.unwrap().call(1).await.unwrap_err();
    let refusal = error.downcast_ref::<Refusal>().unwrap();
    assert_eq!(
        (refusal.reason(), refusal.limiter()),
        (Reason::OverLimit, Some("default"))
    );
    assert_eq!(refusal.retry_after(), Some(ms(60_000)));
    assert_eq!(
        error.to_string(),
        r#"over the limit `default`, retry after 60 s"#
    );
}

#[tokio::test]
async fn a_plain_service_keeps_the_error_of_its_limiter() {
    let plain = service_fn(|n: u32| async move { Ok::<_, BoxError>(n) });
    let layer = RateLimitLayer::new(Later::failing_with("connection reset"));
    let error = layer
        .refuse_with(AsError)
        .layer(plain)
        .oneshot(1)
        .await
        .unwrap_err();
    assert_eq!(error.source().unwrap().to_string(), "connection reset");
}

#[tokio::test]
async fn a_closure_makes_of_a_refusal_what_it_likes() {
    let teapot = |refusal: Refusal, req: &Req| {
        let mut res = Response::new(format!("{}: {refusal}", req.body()));
        *res.status_mut() = StatusCode::IM_A_TEAPOT;
        Ok::<_, Infallible>(res)
    };
    let mut service = layer_of(a_few(1)).refuse_with(teapot).layer(Probe::new());
    let admitted = send(&mut service, request()).await;
    assert_eq!((admitted.status(), admitted.headers().len()), (OK, 0));
    let refused = send(&mut service, request()).await;
    assert_eq!(refused.status(), StatusCode::IM_A_TEAPOT);
    assert!(refused.body().starts_with("hello: over the limit"));
}

#[tokio::test]
async fn a_limiter_that_fails_makes_the_service_unavailable() {
    let layer = RateLimitLayer::new(Later::failing_with("connection reset"));
    let res = answer(layer.clone(), request()).await;
    assert_eq!(res.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = problem(&res);
    assert_eq!(
        (&said["status"], &said["type"]),
        (&503.into(), &"about:blank".into())
    );
    assert!(!res.body().contains("connection reset"), "not for clients");
    let refusal = res.extensions().get::<Refusal>().unwrap();
    assert_eq!(
        (refusal.reason(), refusal.limiter()),
        (Reason::Unavailable, Some("later"))
    );
    assert_eq!(refusal.source().unwrap().to_string(), "connection reset");

    let res = answer(layer, grpc_request()).await;
    assert_eq!(
        (res.status(), &res.headers()["grpc-status"]),
        (OK, &"14".parse().unwrap())
    );
    let refusal = res.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.source().unwrap().to_string(), "connection reset");
}

#[tokio::test]
async fn a_decision_that_comes_later_marks_the_response_like_one_at_once() {
    let res = answer(
        RateLimitLayer::new(Later::saying(Verdict::Admit)),
        request(),
    )
    .await;
    assert_eq!(res.headers()["ratelimit"], r#""later";r=4;t=6"#);
    let res = answer(RateLimitLayer::new(Later::saying(Verdict::Deny)), request()).await;
    assert_eq!(
        (res.status(), &res.headers()[RETRY_AFTER]),
        (REFUSED, &"2".parse().unwrap())
    );
}

#[tokio::test]
async fn responses_carry_the_decision_for_layers_further_out() {
    let layer = layer_of(a_few(2)).refuse_with(Answer::new().with_decision());
    let mut service = layer.layer(Probe::new());
    let admitted = send(&mut service, request()).await;
    let decision = admitted.extensions().get::<Decision>().unwrap();
    assert_eq!(
        (decision.verdict(), decision.remaining()),
        (Verdict::Admit, 1)
    );
    assert!(admitted.extensions().get::<Refusal>().is_none());

    send(&mut service, request()).await;
    let refused = send(&mut service, request()).await;
    let refusal = refused.extensions().get::<Refusal>().unwrap();
    assert_eq!(refusal.retry_after(), Some(ms(60_000)));
    assert_eq!(refusal.decision().map(Decision::remaining), Some(0));
}

#[tokio::test]
async fn without_headers_an_admitted_response_stays_as_it_is() {
    let layer = layer_of(a_few(1)).refuse_with(Answer::new().headers(Headers::None));
    let mut service = layer.layer(Probe::new());
    let admitted = send(&mut service, request()).await;
    assert!(admitted.headers().is_empty() && admitted.extensions().is_empty());
    let refused = send(&mut service, request()).await;
    assert_eq!(refused.headers()[RETRY_AFTER], "60");
    assert!(quota_headers(refused.headers()).is_empty());
    assert!(refused.extensions().get::<Refusal>().is_some());
}

#[tokio::test]
async fn headers_come_in_the_set_that_was_asked_for() {
    let ietf = vec!["ratelimit-policy", "ratelimit"];
    let legacy = vec![
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ];
    let both = [ietf.clone(), legacy.clone()].concat();
    for (set, names) in [
        (Headers::Ietf, ietf),
        (Headers::Legacy, legacy),
        (Headers::Both, both),
    ] {
        let layer = layer_of(a_few(1)).refuse_with(Answer::new().headers(set));
        let mut service = layer.layer(Probe::new());
        for expected in [OK, REFUSED] {
            let res = send(&mut service, request()).await;
            assert_eq!(
                (res.status(), quota_headers(res.headers())),
                (expected, names.clone())
            );
        }
    }
}

#[tokio::test]
async fn two_layers_both_write_their_policies() {
    let outer = Local::builder(a_few(9)).name("hour").direct();
    let inner = Local::builder(a_few(3)).name("minute").direct();
    let inner = RateLimitLayer::new(inner).layer(Probe::new());
    let mut service = RateLimitLayer::new(outer).layer(inner);
    let res = send(&mut service, request()).await;
    let states: Vec<_> = res.headers().get_all("ratelimit").iter().collect();
    assert_eq!(states.len(), 2);
    assert!(states[0].to_str().unwrap().starts_with(r#""minute";r=2"#));
    assert!(states[1].to_str().unwrap().starts_with(r#""hour";r=8"#));
}

#[tokio::test(start_paused = true)]
async fn counts_are_what_happened() {
    let counts = Arc::new(Counts::default());
    let limiter = Local::builder(TokenBucket::new(Quota::per_second(1).burst(2)))
        .clock(Tokio::new())
        .keyed();
    let layer = RateLimitLayer::new(limiter)
        .key(key::header("x-api-key"))
        .exempt(is_health_check)
        .pass_without_key()
        .wait(Wait::up_to(ms(1_000)))
        .observe(counts.clone());
    let mut service = layer.layer(Probe::new());
    assert_eq!(status(&mut service).await, OK);
    let check = Request::get("/health").body(String::new()).unwrap();
    assert_eq!(send(&mut service, check).await.status(), OK);
    let mut responses = Vec::new();
    for _ in 0..4 {
        let ready = service.ready().await.unwrap();
        responses.push(ready.call(request_with("x-api-key", "one")));
    }
    for response in responses {
        response.await.unwrap();
    }
    let Snapshot {
        admitted,
        waited,
        refused,
        exempt,
        keyless,
        ..
    } = counts.snapshot();
    assert_eq!(
        (admitted, waited, refused, exempt, keyless),
        (2, 1, 1, 1, 1)
    );
    let Snapshot {
        shadowed,
        failed,
        forgotten,
        ..
    } = counts.snapshot();
    assert_eq!((shadowed, failed, forgotten), (0, 0, 0));
}

#[tokio::test]
async fn buckets_that_are_forgotten_alive_are_counted_by_the_layers_observer() {
    let counts = Arc::new(Counts::default());
    let limiter = Local::builder(a_few(1))
        .capacity(1)
        .observe(counts.clone())
        .keyed();
    let layer = RateLimitLayer::new(limiter.clone())
        .key(key::header("x-api-key"))
        .observe(counts.clone());
    let mut service = layer.layer(Probe::new());
    for user in 0..100 {
        let req = request_with("x-api-key", &user.to_string());
        assert_eq!(send(&mut service, req).await.status(), OK);
    }
    let snapshot = counts.snapshot();
    assert_eq!(snapshot.admitted, 100);
    assert!(snapshot.forgotten >= 50, "{snapshot:?}");
    assert_eq!(snapshot.forgotten, limiter.forgotten());
}

#[tokio::test]
async fn an_observer_sees_the_name_and_the_decision() {
    #[derive(Debug, Default)]
    struct Seen(std::sync::Mutex<Vec<(String, RequestOutcome, Option<u64>)>>);

    impl Observe for Seen {
        fn decided(&self, event: &Event<'_>) {
            let left = event.decision.map(Decision::remaining);
            let seen = (event.limiter.to_string(), event.outcome, left);
            self.0.lock().unwrap().push(seen);
        }
    }

    let seen = Arc::new(Seen::default());
    let limiter = Local::builder(a_few(1)).name("api").direct();
    let layer = RateLimitLayer::new(limiter)
        .exempt(is_health_check)
        .observe(seen.clone());
    let mut service = layer.layer(Probe::new());
    assert_eq!(passing(&mut service, 2).await, 1);
    let check = Request::get("/health").body(String::new()).unwrap();
    send(&mut service, check).await;
    let expected = [
        ("api".into(), RequestOutcome::Admitted, Some(0)),
        ("api".into(), RequestOutcome::Refused, Some(0)),
        (String::new(), RequestOutcome::Exempt, None),
    ];
    assert_eq!(*seen.0.lock().unwrap(), expected);
}
