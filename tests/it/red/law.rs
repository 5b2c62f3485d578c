use super::support::*;
use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt;
use sluicegate::red::{Outcome, RedLayer, Registry};
use tower::ServiceExt;

#[tokio::test]
async fn smoke() {
    let metrics = Registry::new();
    let app: Router = Router::new()
        .route("/orders/{id}", get(|| async { "hello" }))
        .layer(RedLayer::server(&metrics));
    let response = app
        .clone()
        .oneshot(Request::get("/orders/7").body(Body::empty()).unwrap())
        .await
        .unwrap();
    assert_eq!(in_flight(&metrics), 1);
    response.into_body().collect().await.unwrap();
    assert_eq!(in_flight(&metrics), 0);
    let response = app
        .clone()
        .oneshot(Request::get("/nowhere").body(Body::empty()).unwrap())
        .await
        .unwrap();
    drop(response);
    println!("{:#?}", metrics.snapshot());
    assert_eq!(outcomes(&metrics.snapshot()).len(), 2);
    let _ = Outcome::Ok;
}
