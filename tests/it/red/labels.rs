//! There are few series, whatever is asked for.

use std::convert::Infallible;

use axum::{Router, body::Body, routing::get};
use futures_util::FutureExt;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt;
use sluicegate::red::{
    Kind, Labels, Methods, RecordRouteLayer, RedCallLayer, RedLayer, Registry, Snapshot,
};
use tower::{Layer, ServiceExt, service_fn};

use super::support::{Act, Step, acting, grpc_request, in_flight, request};

fn routes() -> Router {
    let order = Router::new().route("/{id}", get(|| async { "an order" }));
    Router::new()
        .route("/orders", get(|| async { "orders" }))
        .nest("/orders", order)
        .route("/files/{*path}", get(|| async { "a file" }))
}

fn ask(path: &str, method: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    request.body(Body::empty()).unwrap()
}

/// Which routes were asked for, with the methods.
fn seen(snapshot: &Snapshot) -> Vec<(&str, &str, u64)> {
    let series = snapshot.series.iter();
    let seen = series.map(|it| (it.labels.method(), it.labels.route(), it.started));
    seen.collect()
}

const ASKED: [(&str, &str); 6] = [
    ("/orders", "GET"),
    ("/orders/7", "GET"),
    ("/files/etc/passwd", "GET"),
    ("/wp-login.php", "GET"),
    ("/orders/8", "BREW"),
    ("/orders/9", "GET"),
];

const SEEN: [(&str, &str, u64); 5] = [
    ("GET", "/files/{*path}", 1),
    ("GET", "/orders", 1),
    ("GET", "/orders/{id}", 2),
    ("GET", Labels::UNMATCHED, 1),
    (Labels::OTHER, "/orders/{id}", 1),
];

#[tokio::test]
async fn routes_are_templates() {
    let metrics = Registry::new();
    let app = routes().layer(RedLayer::server(&metrics));
    for (path, method) in ASKED {
        drop(app.clone().oneshot(ask(path, method)).await.unwrap());
    }
    assert_eq!(seen(&metrics.snapshot()), SEEN);
    assert_eq!(in_flight(&metrics), 0);
}

#[tokio::test]
async fn a_layer_outside_of_the_router_is_told_the_route() {
    let metrics = Registry::new();
    let router = routes().layer(RecordRouteLayer::new());
    let app = RedLayer::server(&metrics).outside().layer(router);
    for (path, method) in ASKED {
        drop(app.clone().oneshot(ask(path, method)).await.unwrap());
    }
    let snapshot = metrics.snapshot();
    let seen = seen(&snapshot).into_iter().filter(|it| it.2 > 0);
    assert_eq!(seen.collect::<Vec<_>>(), SEEN);
    assert_eq!(in_flight(&metrics), 0);
}

/// Routers with a service nested at `/api` and at `/v1/{tenant}/api`.
fn nesting<S>(service: S) -> Router
where
    S: tower::Service<Request<Body>, Error = Infallible> + Clone + Send + Sync + 'static,
    S::Response: axum::response::IntoResponse,
    S::Future: Send,
{
    let tenant = Router::new().nest_service("/api", service.clone());
    Router::new()
        .route("/orders", get(|| async { "orders" }))
        .nest_service("/api", service)
        .nest("/v1/{tenant}", tenant)
}

const NESTED: [&str; 4] = ["/api/users/7", "/v1/ann/api/users/7", "/nowhere", "/orders"];

#[tokio::test]
async fn a_nested_service_tells_where_it_is_nested() {
    let answer = service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("x"))));
    let expected = [
        ("GET", "/api", 1),
        ("GET", "/orders", 1),
        ("GET", "/v1/{tenant}/api", 1),
        ("GET", Labels::UNMATCHED, 1),
    ];
    let marked = || nesting(RecordRouteLayer::new().layer(answer));

    let within = Registry::new();
    let app = marked().layer(RedLayer::server(&within));
    for path in NESTED {
        drop(app.clone().oneshot(ask(path, "GET")).await.unwrap());
    }
    let outside = Registry::new();
    let routed = marked().route_layer(RecordRouteLayer::new());
    let app = RedLayer::server(&outside).outside().layer(routed);
    for path in NESTED {
        drop(app.clone().oneshot(ask(path, "GET")).await.unwrap());
    }
    for metrics in [within, outside] {
        let snapshot = metrics.snapshot();
        let seen = seen(&snapshot).into_iter().filter(|it| it.2 > 0);
        assert_eq!(seen.collect::<Vec<_>>(), expected);
        assert_eq!(in_flight(&metrics), 0);
    }
}

#[tokio::test]
async fn a_layer_around_a_nested_service_knows_where_that_is() {
    let metrics = Registry::new();
    let answer = service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("x"))));
    let app = nesting(RedLayer::server(&metrics).layer(answer));
    drop(app.oneshot(ask("/api/users/7", "GET")).await.unwrap());
    assert_eq!(seen(&metrics.snapshot()), [("GET", "/api", 1)]);
}

#[tokio::test]
async fn a_layer_within_takes_no_word_from_one_outside() {
    let (outside, within) = (Registry::new(), Registry::new());
    let answer = service_fn(async |_: Request<Body>| Ok(Response::new(Body::from("x"))));
    let router = nesting(RecordRouteLayer::new().layer(answer)).layer(RedLayer::server(&within));
    let app = RedLayer::server(&outside).outside().layer(router);
    drop(app.oneshot(ask("/api/users/7", "GET")).await.unwrap());
    for metrics in [outside, within] {
        let snapshot = metrics.snapshot();
        let seen = seen(&snapshot).into_iter().filter(|it| it.2 > 0);
        assert_eq!(seen.collect::<Vec<_>>(), [("GET", "/api", 1)]);
        assert_eq!(in_flight(&metrics), 0);
    }
}

/// The router that is nested knows more than where it is.
#[tokio::test]
async fn a_nested_router_tells_its_own_routes() {
    let metrics = Registry::new();
    let inner = Router::new()
        .route("/users/{id}", get(|| async { "a user" }))
        .layer(RecordRouteLayer::new());
    let app = nesting(inner).layer(RedLayer::server(&metrics));
    drop(app.oneshot(ask("/api/users/7", "GET")).await.unwrap());
    let snapshot = metrics.snapshot();
    let seen = seen(&snapshot).into_iter().filter(|it| it.2 > 0);
    assert_eq!(seen.collect::<Vec<_>>(), [("GET", "/api/users/{id}", 1)]);
}

#[tokio::test]
async fn a_request_is_in_flight_on_its_route_as_soon_as_that_is_known() {
    let metrics = Registry::new();
    let router: Router = Router::new()
        .route("/stuck", get(std::future::pending::<()>))
        .route_layer(RecordRouteLayer::new());
    let app = RedLayer::server(&metrics).outside().layer(router);
    let mut asked = Box::pin(app.oneshot(ask("/stuck", "GET")));
    assert!(asked.as_mut().now_or_never().is_none());
    assert_eq!(metrics.snapshot().route("/stuck").in_flight(), 1);
    assert_eq!(metrics.snapshot().route(Labels::UNMATCHED).in_flight(), 0);
    drop(asked);
    assert_eq!(metrics.snapshot().route("/stuck").ended(), 1);
    assert_eq!(in_flight(&metrics), 0);
}

#[tokio::test]
async fn a_route_that_is_told_too_late_is_not_counted() {
    let metrics = Registry::new();
    let (keep, mut kept) = tokio::sync::mpsc::unbounded_channel();
    // Another task continues the request after its client has left.
    let inner = service_fn(move |req: Request<Body>| {
        keep.send(req).unwrap();
        std::future::pending::<Result<Response<Body>, Infallible>>()
    });
    let app = RedLayer::server(&metrics).outside().layer(inner);
    let asked = app.oneshot(ask("/orders/7", "GET"));
    assert!(asked.now_or_never().is_none());
    let router = routes().layer(RecordRouteLayer::new());
    let late = kept.recv().await.unwrap();
    drop(router.oneshot(late).await.unwrap());
    assert_eq!(in_flight(&metrics), 0);
    assert_eq!(seen(&metrics.snapshot()), [("GET", Labels::UNMATCHED, 1)]);
}

#[tokio::test]
async fn a_scanner_makes_no_series() {
    let metrics = Registry::new();
    let app = routes().layer(RedLayer::server(&metrics));
    for n in 0..50_000_u64 {
        let path = format!("/{:x}/{n}.php", n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        drop(app.clone().oneshot(ask(&path, "GET")).await.unwrap());
    }
    assert_eq!(
        seen(&metrics.snapshot()),
        [("GET", Labels::UNMATCHED, 50_000)]
    );
}

#[tokio::test]
async fn series_over_the_maximum_are_counted_together() {
    let metrics = Registry::builder().max_series(100).build();
    metrics.preregister(&Method::GET, "/orders", [StatusCode::OK]);
    // A route that is made of the path, as it must not be.
    let layer = RedLayer::server(&metrics).route(|req: &Request<String>| Some(req.uri().path()));
    let service = layer.layer(acting(Act::Answer(200, &[Step::Data("x")])));
    for n in 0..50_000 {
        let mut request = request();
        *request.uri_mut() = format!("/{n}").parse().unwrap();
        drop(service.clone().oneshot(request).await.unwrap());
    }
    let snapshot = metrics.snapshot();
    let completions = snapshot.completions();
    let routed = completions.filter(|(labels, _)| labels.route() != Labels::OVERFLOW);
    assert_eq!(
        routed.count(),
        100,
        "one for each, and one was there before"
    );
    assert_eq!(snapshot.route(Labels::OVERFLOW).started(), 50_000 - 99);
    assert_eq!((snapshot.started(), in_flight(&metrics)), (50_000, 0));
    assert!(snapshot.overflowed > 8_192, "more than could be told apart");
}

#[tokio::test]
async fn hosts_that_are_called_take_no_room_from_routes() {
    let metrics = Registry::builder().max_series(100).build();
    let answer = Act::Answer(200, &[Step::Data("x")]);
    let client = RedLayer::client(&metrics).layer(acting(answer));
    for n in 0..2_000 {
        let mut request = request();
        *request.uri_mut() = format!("http://host-{n}.example/hook").parse().unwrap();
        drop(client.clone().oneshot(request).await.unwrap());
    }
    let app = routes().layer(RedLayer::server(&metrics));
    for (path, method) in ASKED {
        drop(app.clone().oneshot(ask(path, method)).await.unwrap());
    }
    let snapshot = metrics.snapshot();
    assert_eq!(
        seen(&snapshot.only(|it| it.kind() == Kind::HttpServer)),
        SEEN
    );
    let (served, sent) = (
        snapshot.overflowed - snapshot.overflowed_sent,
        snapshot.overflowed_sent,
    );
    assert!(served == 0 && sent > 1_500, "{sent}");
    assert_eq!(snapshot.overflowed, sent);
    let sent = snapshot.only(|it| it.kind() == Kind::HttpClient && it.route() == Labels::OVERFLOW);
    assert_eq!((sent.started(), in_flight(&metrics)), (1_900, 0));
}

#[tokio::test]
async fn requests_that_are_sent_may_have_room_of_their_own_size() {
    let metrics = Registry::builder()
        .max_series(100)
        .max_sent_series(10)
        .build();
    let answer = Act::Answer(200, &[Step::Data("x")]);
    let client = RedLayer::client(&metrics).layer(acting(answer));
    for n in 0..50 {
        let mut request = request();
        *request.uri_mut() = format!("http://host-{n}.example/hook").parse().unwrap();
        drop(client.clone().oneshot(request).await.unwrap());
    }
    assert_eq!(metrics.snapshot().route(Labels::OVERFLOW).started(), 40);
}

#[tokio::test]
async fn a_route_may_have_the_name_of_the_overflow_series() {
    let metrics = Registry::builder().max_series(2).build();
    for name in [Labels::OVERFLOW, "a job", "another", "a third"] {
        let job = service_fn(async |()| Ok::<_, Infallible>(()));
        let service = RedCallLayer::new(name, &metrics).layer(job);
        service.oneshot(()).await.unwrap();
    }
    let expected = [
        ("", Labels::OVERFLOW, 2),
        ("", "a job", 1),
        ("", "another", 1),
    ];
    assert_eq!(seen(&metrics.snapshot()), expected);
}

#[tokio::test]
async fn a_status_over_the_maximum_goes_to_the_overflow_series() {
    let metrics = Registry::builder().max_series(2).build();
    let layer = RedLayer::server(&metrics);
    for status in 400..410 {
        let service = layer.layer(acting(Act::Answer(status, &[])));
        let response = service.oneshot(request()).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let snapshot = metrics.snapshot();
    let of = |route| snapshot.route(route).started();
    assert_eq!((of(Labels::UNMATCHED), of(Labels::OVERFLOW)), (2, 8));
    // About: two of them may look alike.
    assert!((6..=8).contains(&snapshot.overflowed));
    assert_eq!((snapshot.ended(), in_flight(&metrics)), (10, 0));
}

#[tokio::test]
async fn preregistered_series_start_with_zeros() {
    let metrics = Registry::builder()
        .methods(Methods::new().unary("pkg.Service/Get"))
        .build();
    let statuses = [StatusCode::OK, StatusCode::INTERNAL_SERVER_ERROR];
    metrics.preregister(&Method::POST, "/orders", statuses);
    metrics.preregister_methods();
    let snapshot = metrics.snapshot();
    let zeros = snapshot.completions().map(|(labels, it)| {
        assert_eq!(it.durations.count(), 0);
        (labels.route(), it.status().unwrap().to_string())
    });
    let mut zeros: Vec<_> = zeros.collect();
    zeros.sort();
    let orders = ["200", "500"].map(|it| ("/orders", it.to_owned()));
    let get = ["INTERNAL", "OK", "UNKNOWN"].map(|it| ("pkg.Service/Get", it.to_owned()));
    assert_eq!(zeros, [&orders[..], &get].concat());
}

#[tokio::test]
async fn methods_of_grpc_are_those_that_are_known() {
    let methods = Methods::new()
        .unary("pkg.Service/Get")
        .streaming("pkg.Service/Watch");
    let metrics = Registry::builder().methods(methods).build();
    let service = RedLayer::server(&metrics).layer(acting(Act::Grpc(&[], &[Step::Status("0")])));
    for path in [
        "/pkg.Service/Get",
        "/pkg.Service/Watch",
        "/pkg.Service/Drop",
    ] {
        drop(service.clone().oneshot(grpc_request(path)).await.unwrap());
    }
    let snapshot = metrics.snapshot();
    let seen = snapshot.series.iter().map(|it| {
        assert_eq!(it.labels.kind(), Kind::GrpcServer);
        (it.labels.route(), it.completions[0].is_streamed())
    });
    let expected = [
        (Labels::OTHER, false),
        ("pkg.Service/Get", false),
        ("pkg.Service/Watch", true),
    ];
    assert_eq!(seen.collect::<Vec<_>>(), expected);
}
