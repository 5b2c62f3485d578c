//! A limit is one limit, however many services stand behind it.

use http::StatusCode;
use sluicegate::{key, limit::RateLimitLayer};
use tower::Layer;

use crate::support::{Probe, a_few, keyed, layer_of, passing, request, request_with, send, status};

#[tokio::test]
async fn five_are_five_over_all_the_services_of_a_layer() {
    let layer = layer_of(a_few(5));
    let mut passed = 0;
    for _ in 0..4 {
        passed += passing(&mut layer.layer(Probe::new()), 3).await;
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn five_are_five_over_all_the_clones_of_a_service() {
    let service = layer_of(a_few(5)).layer(Probe::new());
    let mut passed = 0;
    for _ in 0..4 {
        passed += passing(&mut service.clone(), 3).await;
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn five_are_five_over_clones_of_layers_and_of_services_together() {
    let layer = layer_of(a_few(5));
    let service = layer.clone().layer(Probe::new());
    let services = [
        service.clone(),
        layer.layer(Probe::new()).clone(),
        layer.clone().layer(Probe::new()),
        service,
    ];
    let mut passed = 0;
    for mut service in services {
        passed += passing(&mut service, 3).await;
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn two_layers_over_one_limiter_share_its_budget() {
    let limiter = keyed(a_few(5));
    let by_header = RateLimitLayer::new(limiter.clone()).key(key::header("x-api-key"));
    let other = RateLimitLayer::new(limiter).key(key::header("x-api-key"));
    let mut services = [by_header.layer(Probe::new()), other.layer(Probe::new())];
    let mut passed = 0;
    for turn in 0..8 {
        let request = request_with("x-api-key", "one");
        let response = send(&mut services[turn % 2], request).await;
        passed += usize::from(response.status() == StatusCode::OK);
    }
    assert_eq!(passed, 5);
}

#[tokio::test]
async fn clones_on_many_threads_share_one_budget() {
    let service = layer_of(a_few(50)).layer(Probe::new());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let mut clone = service.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                runtime.unwrap().block_on(passing(&mut clone, 40))
            })
        })
        .collect();
    let passed: usize = threads.into_iter().map(|it| it.join().unwrap()).sum();
    assert_eq!(passed, 50);
    assert_eq!(service.get_ref().calls(), 50);
}

#[tokio::test]
async fn limits_made_apart_are_apart() {
    let (mut one, mut other) = (
        layer_of(a_few(1)).layer(Probe::new()),
        layer_of(a_few(1)).layer(Probe::new()),
    );
    assert_eq!(send(&mut one, request()).await.status(), StatusCode::OK);
    assert_eq!(status(&mut other).await, StatusCode::OK);
    assert_eq!(status(&mut one).await, StatusCode::TOO_MANY_REQUESTS);
}
