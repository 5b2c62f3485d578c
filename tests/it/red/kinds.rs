//! The route decides whether a request is counted as HTTP or gRPC, and not the
//! headers of the caller.

use axum::{
    Router,
    body::Body,
    routing::{get, post},
};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use sluicegate::red::{
    Kind, Labels, Methods, Outcome, RecordRouteLayer, RedLayer, Registry, Status, Template,
};
use tower::{Layer, ServiceExt};

use super::support::{Act, Step, acting, in_flight};

fn ask(method: Method, path: &str, content_type: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("content-type", content_type);
    request.body(Body::empty()).unwrap()
}

fn app() -> Router {
    Router::new()
        .route("/orders", post(async || "an order"))
        .route("/files/{*rest}", post(async || "a file"))
}

async fn take(app: &Router, request: Request<Body>) {
    let response = app.clone().oneshot(request).await.unwrap();
    response.into_body().collect().await.unwrap();
}

/// Kind and route of those series that anything was counted of.
fn seen(metrics: &Registry) -> Vec<(Kind, String)> {
    assert_eq!(in_flight(metrics), 0);
    let snapshot = metrics.snapshot();
    let counted = snapshot.series.iter().filter(|it| it.started > 0);
    let seen = counted.map(|it| (it.labels.kind(), it.labels.route().to_owned()));
    seen.collect()
}

#[tokio::test]
async fn a_route_of_http_stays_one_whatever_a_caller_says() {
    for content_type in ["application/grpc", "Application/GRPC-Web-Text; a=b"] {
        let metrics = Registry::new();
        let app = app().layer(RedLayer::server(&metrics));
        for path in ["/orders", "/files/a.b/c"] {
            take(&app, ask(Method::POST, path, content_type)).await;
        }
        let expected = ["/files/{*rest}", "/orders"];
        let expected = expected.map(|route| (Kind::HttpServer, route.to_owned()));
        assert_eq!(seen(&metrics), expected, "{content_type}");
        assert_eq!(metrics.snapshot().count(Outcome::Ok), 2);
    }
}

#[tokio::test]
async fn a_layer_outside_of_the_router_is_not_misled_either() {
    let metrics = Registry::new();
    let router = app().layer(RecordRouteLayer::new());
    let app = RedLayer::server(&metrics).outside().layer(router);
    for path in ["/orders", "/files/a.b/c"] {
        let request = ask(Method::POST, path, "application/grpc");
        let response = app.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
    }
    let expected = ["/files/{*rest}", "/orders"];
    let expected = expected.map(|route| (Kind::HttpServer, route.to_owned()));
    assert_eq!(seen(&metrics), expected);
    assert_eq!(metrics.snapshot().count(Outcome::Ok), 2);
}

#[tokio::test]
async fn a_service_of_tonic_in_a_router_is_grpc() {
    let health = || {
        let (_, health) = tonic_health::server::health_reporter();
        tonic::service::Routes::new(health).into_axum_router()
    };
    let path = "/grpc.health.v1.Health/Check";
    for content_type in ["application/grpc", "APPLICATION/gRPC+proto ; charset=utf-8"] {
        let metrics = Registry::new();
        let inside = health().merge(app()).layer(RedLayer::server(&metrics));
        take(&inside, ask(Method::POST, path, content_type)).await;
        assert_eq!(
            seen(&metrics),
            [(Kind::GrpcServer, Labels::OTHER.to_owned())]
        );

        let metrics = Registry::new();
        let outside = RedLayer::server(&metrics).outside();
        let app = outside.layer(health().layer(RecordRouteLayer::new()));
        let request = ask(Method::POST, path, content_type);
        let response = app.oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap();
        assert_eq!(
            seen(&metrics),
            [(Kind::GrpcServer, Labels::OTHER.to_owned())]
        );
    }
}

#[tokio::test]
async fn a_known_method_is_grpc_if_it_is_posted_to() {
    let methods = Methods::new().unary("pkg.Service/Get");
    let metrics = Registry::builder().methods(methods).build();
    let app = Router::new()
        .route(
            "/pkg.Service/Get",
            get(async || "a page").post(async || "{}"),
        )
        .layer(RedLayer::server(&metrics));
    take(
        &app,
        ask(Method::POST, "/pkg.Service/Get", "application/json"),
    )
    .await;
    take(
        &app,
        ask(Method::GET, "/pkg.Service/Get", "application/grpc"),
    )
    .await;
    let expected = [
        (Kind::HttpServer, "/pkg.Service/Get".to_owned()),
        (Kind::GrpcServer, "pkg.Service/Get".to_owned()),
    ];
    assert_eq!(seen(&metrics), expected);
    assert_eq!(metrics.snapshot().count(Outcome::Ok), 2);
}

#[tokio::test]
async fn a_path_that_is_not_grpc_is_not_matched() {
    let metrics = Registry::new();
    let app = app().layer(RedLayer::server(&metrics));
    take(&app, ask(Method::POST, "/wp-login.php", "application/grpc")).await;
    assert_eq!(
        seen(&metrics),
        [(Kind::HttpServer, Labels::UNMATCHED.to_owned())]
    );
}

#[tokio::test]
async fn a_request_that_is_sent_with_a_template_is_http() {
    let metrics = Registry::new();
    let answer = Act::Answer(200, &[Step::Data("x")]);
    let client = RedLayer::client(&metrics).layer(acting(answer));
    let request = Request::post("http://upstream/any/path?of=a&caller");
    let request = request.header("content-type", "application/grpc");
    let request = request.extension(Template("/{*path}")).body(String::new());
    let response = client.oneshot(request.unwrap()).await.unwrap();
    response.into_body().collect().await.unwrap();
    assert_eq!(seen(&metrics), [(Kind::HttpClient, "/{*path}".to_owned())]);
}

#[tokio::test]
async fn known_methods_of_http_can_be_set() {
    let metrics = Registry::builder()
        .http_methods(["GET", "PROPFIND"])
        .build();
    let status = StatusCode::MULTI_STATUS;
    let propfind = Method::from_bytes(b"PROPFIND").unwrap();
    metrics.preregister(&propfind, "/dav", [status]);
    let app = Router::new()
        .route(
            "/dav",
            axum::routing::any(async || StatusCode::MULTI_STATUS),
        )
        .layer(RedLayer::server(&metrics));
    for method in [propfind, Method::POST] {
        take(&app, ask(method, "/dav", "text/xml")).await;
    }
    let snapshot = metrics.snapshot();
    let series = snapshot.series.iter();
    let methods: Vec<_> = series.map(|it| (it.labels.method(), it.started)).collect();
    assert_eq!(methods, [("PROPFIND", 1), (Labels::OTHER, 1)]);
    let (_, one) = snapshot.completions().next().unwrap();
    assert_eq!(one.status(), Some(Status::Http(207)));
}
