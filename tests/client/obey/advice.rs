//! What a server says, and when the next call is sent.

use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt;
use sluicegate::{
    client::obey::{Counts, ObeyLayer},
    key,
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
};
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::scripted::{Says, Scripted, left, request, says};

const CAP: Duration = Duration::from_secs(20);

/// Returns how long the second call was held back after these answers.
async fn held_after(answers: &[Says]) -> Duration {
    let server = Scripted::new(answers);
    let client = ObeyLayer::new().cap(CAP).layer(server.clone());
    client.clone().oneshot(request("/")).await.unwrap();
    let begun = Instant::now();
    client.oneshot(request("/")).await.unwrap();
    assert_eq!(server.count(), 2);
    begun.elapsed()
}

fn busy(fields: &[(&'static str, &'static str)]) -> [Says; 2] {
    [says(503, fields), says(200, &[])]
}

#[tokio::test(start_paused = true)]
async fn a_refusals_time_is_obeyed_up_to_the_cap() {
    for (text, seconds) in [
        ("7", 7),
        (" 7 ", 7),
        ("1000000000000", 20),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 20),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0),
        ("-5", 0),
        ("soon", 0),
        ("0", 0),
    ] {
        let held = held_after(&busy(&[("retry-after", text)])).await;
        assert_eq!(held, Duration::from_secs(seconds), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pushback_is_obeyed_to_the_millisecond() {
    let status = ("grpc-status", "14");
    let held = held_after(&busy(&[status, ("grpc-retry-pushback-ms", "70")])).await;
    assert_eq!(held, Duration::from_millis(70));
    let held = held_after(&busy(&[status, ("grpc-retry-pushback-ms", "-1")])).await;
    assert_eq!(held, Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_time_that_is_about_one_call_holds_no_other_back() {
    for status in [200, 202, 301, 409, 413] {
        let answers = [says(status, &[("retry-after", "7")]), says(200, &[])];
        assert_eq!(held_after(&answers).await, Duration::ZERO, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_says_nothing_is_not_limited() {
    let server = Scripted::new([says(200, &[])]);
    let client = ObeyLayer::new().layer(server.clone());
    let begun = Instant::now();
    for _ in 0..100 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_until_there_is_more() {
    let answers = [left(r#""a";r=0;t=3"#), left(r#""a";r=9;t=1"#)];
    assert_eq!(held_after(&answers).await, Duration::from_secs(3));
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lies_stops_a_client_for_one_cap_only() {
    let server = Scripted::new([left(r#""a";r=0;t=999999999999999"#)]);
    let client = ObeyLayer::new().cap(CAP).layer(server.clone());
    let begun = Instant::now();
    for _ in 0..100 {
        let response = client.clone().oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(begun.elapsed(), CAP);
}

#[tokio::test(start_paused = true)]
async fn an_older_response_does_not_overwrite_a_newer_one() {
    let old = Says {
        after: Duration::from_millis(50),
        ..left(r#""a";r=8;t=9"#)
    };
    let new = Says {
        after: Duration::from_millis(10),
        ..left(r#""a";r=0;t=9"#)
    };
    let server = Scripted::new([left(r#""a";r=9;t=1"#), old, new, left(r#""a";r=9;t=9"#)]);
    // The client takes the missing units for those of others, and comes back a
    // random time after them. With a long one the call would be refused.
    let client = ObeyLayer::new().random(|| 0).layer(server.clone());
    client.clone().oneshot(request("/")).await.unwrap();
    let call = || client.clone().oneshot(request("/"));
    let (one, two) = tokio::join!(call(), call());
    one.and(two).unwrap();
    let begun = Instant::now();
    call().await.unwrap();
    assert!(
        begun.elapsed() > Duration::from_secs(8),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_partition_without_room_does_not_stop_the_others() {
    let fields = [(
        "ratelimit",
        r#""a";r=0;t=9;pk=:YQ==:, "a";r=5;t=1;pk=:Yg==:"#,
    )];
    assert_eq!(held_after(&[says(200, &fields)]).await, Duration::ZERO);
    let fields = [("ratelimit", r#""a";r=0;t=9, "b";r=5;t=1"#)];
    let held = held_after(&[says(200, &fields)]).await;
    assert_eq!(held, Duration::from_secs(9), "both quotas count");
}

#[tokio::test(start_paused = true)]
async fn trailers_of_grpc_are_obeyed() {
    let answer = Says {
        trailers: vec![("grpc-status", "14"), ("grpc-retry-pushback-ms", "300")],
        ..says(200, &[("content-type", "application/grpc")])
    };
    let server = Scripted::new([answer]);
    let client = ObeyLayer::new().layer(server.clone());
    let response = client.clone().oneshot(request("/")).await.unwrap();
    response.into_body().collect().await.unwrap();
    let begun = Instant::now();
    client.oneshot(request("/")).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(300));
}

#[tokio::test(start_paused = true)]
async fn a_refusal_of_a_layer_further_in_is_not_the_servers() {
    let limiter = Local::direct(TokenBucket::new(Quota::per_hour(1)));
    let limit = RateLimitLayer::client(limiter);
    let counts = std::sync::Arc::new(Counts::default());
    let layer = ObeyLayer::new().observe(counts.clone());
    let client = layer.layer(limit.layer(Scripted::new([says(200, &[])])));
    let begun = Instant::now();
    for _ in 0..3 {
        _ = client.clone().oneshot(request("/")).await;
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(counts.snapshot().server_refused, 0);
}

#[tokio::test(start_paused = true)]
async fn peers_are_apart_and_their_number_is_bounded() {
    let counts = std::sync::Arc::new(Counts::default());
    let slow = Says {
        after: Duration::from_secs(1),
        ..left(r#""a";r=0;t=9"#)
    };
    let layer = ObeyLayer::new()
        .max_peers(2)
        .observe(counts.clone())
        .peer(key::by(|req: &http::Request<()>| {
            Some(req.uri().path().to_owned())
        }));
    let client = layer.layer(Scripted::new([slow]));
    let begun = Instant::now();
    let call = |path: &'static str| client.clone().oneshot(request(path));
    let (one, two, three) = tokio::join!(call("/1"), call("/2"), call("/3"));
    one.and(two).and(three).unwrap();
    assert_eq!(begun.elapsed(), Duration::from_secs(1));
    assert_eq!(counts.snapshot().untracked, 1);
    // None is in use now, so the third takes the place of another one.
    call("/3").await.unwrap();
    assert_eq!(counts.snapshot().untracked, 1);
}
