//! Servers that say what is not true, or what makes no sense.

use std::time::Duration;

use http::StatusCode;
use sluicegate::client::obey::ObeyLayer;
use tokio::time::Instant;
use tower::{Layer, ServiceExt};

use crate::scripted::{Says, Scripted, left, request, says};

/// Longer than any cap and any wait.
const FOREVER: Duration = Duration::MAX;

#[tokio::test(start_paused = true)]
async fn a_cap_and_a_wait_may_be_as_long_as_a_duration_can_be() {
    let server = Scripted::new([left(r#""a";r=0;t=3"#), left(r#""a";r=9;t=1"#)]);
    let layer = ObeyLayer::new()
        .cap(FOREVER)
        .wait(FOREVER)
        .first_answer(FOREVER);
    let client = layer.layer(server);
    let begun = Instant::now();
    for _ in 0..2 {
        let response = client.clone().oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert_eq!(begun.elapsed(), Duration::from_secs(3));
}

/// Each of them is repeated for ever by the server.
fn nonsense() -> Vec<Says> {
    let fields: [&[(&'static str, &'static str)]; 12] = [
        &[
            ("ratelimit-policy", r#""a";q=0;w=1"#),
            ("ratelimit", r#""a";r=0;t=0"#),
        ],
        &[
            ("ratelimit-policy", r#""a";q=10;w=999999999999999"#),
            ("ratelimit", r#""a";r=0"#),
        ],
        &[
            ("ratelimit-policy", r#""a";q=999999999999999;w=1"#),
            ("ratelimit", r#""a";r=0;t=1"#),
        ],
        &[
            ("ratelimit-policy", r#""a";q=10;w=1"#),
            ("ratelimit", r#""a";r=999999999999999;t=1"#),
        ],
        &[("ratelimit", r#""a";r=0;t=999999999999999, "b";r=0;t=5"#)],
        &[("ratelimit", "limit=10, remaining=0, reset=-1")],
        &[("ratelimit", "limit=10, remaining=NaN, reset=1")],
        &[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1000000000000"),
        ],
        &[
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1000000001"),
        ],
        &[("x-ratelimit-remaining", "-1"), ("x-ratelimit-reset", "-7")],
        &[
            ("x-ratelimit-limit", "18446744073709551616"),
            ("x-ratelimit-remaining", "0"),
        ],
        &[("retry-after", "NaN")],
    ];
    let answers = [200, 429, 503].map(|status| fields.map(|fields| says(status, fields)));
    answers.concat()
}

#[tokio::test(start_paused = true)]
async fn no_nonsense_holds_a_call_for_longer_than_the_cap() {
    const CAP: Duration = Duration::from_secs(20);
    for answer in nonsense() {
        let server = Scripted::new([answer.clone()]);
        let layer = ObeyLayer::new().cap(CAP).wait(Duration::from_secs(3_600));
        let client = layer.random(|| u64::MAX).layer(server.clone());
        for call in 1..=20 {
            let begun = Instant::now();
            client.clone().oneshot(request("/")).await.unwrap();
            assert_eq!(server.count(), call, "{answer:?}");
            // A client that was refused comes back a random time after others.
            assert!(
                begun.elapsed() <= CAP * 2,
                "{:?} {answer:?}",
                begun.elapsed()
            );
        }
    }
}

/// Three servers behind one address, each with a limit of its own.
#[tokio::test(start_paused = true)]
async fn answers_of_different_servers_do_not_stop_a_client() {
    let answers: Vec<_> = [r#""a";r=9;t=1"#, r#""a";r=2;t=7"#, r#""a";r=0;t=4"#]
        .into_iter()
        .cycle()
        .take(300)
        .map(left)
        .collect();
    let server = Scripted::new(answers);
    let client = ObeyLayer::new().layer(server.clone());
    let begun = Instant::now();
    for _ in 0..60 {
        let response = client.clone().oneshot(request("/")).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
    }
    assert!(
        begun.elapsed() < Duration::from_secs(600),
        "{:?}",
        begun.elapsed()
    );
}

/// Not before, because the client was not alone.
#[tokio::test(start_paused = true)]
async fn a_quota_that_grows_is_followed_within_the_old_window() {
    let small = left(r#""a";r=0;t=1"#);
    let large = says(
        200,
        &[
            ("ratelimit-policy", r#""a";q=1000;w=1"#),
            ("ratelimit", r#""a";r=999;t=1"#),
        ],
    );
    let server = Scripted::new([small.clone(), small, large]);
    let client = ObeyLayer::new().layer(server.clone());
    for _ in 0..3 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    let begun = Instant::now();
    for _ in 0..50 {
        client.clone().oneshot(request("/")).await.unwrap();
    }
    assert!(
        begun.elapsed() < Duration::from_secs(11),
        "{:?}",
        begun.elapsed()
    );
}
