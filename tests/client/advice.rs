//! Whatever a server sends, reading it neither fails nor returns more than the
//! bounds; and what the crate's own layers write is read back.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use proptest::{collection::vec, prelude::*};
use sluicegate::{
    client::advice::{MAX_DELAY, quotas, retry_advice},
    limit::{Local, Quota, RateLimitLayer, TokenBucket},
    refusal::{Answer, Headers},
};
use tower::{Layer, ServiceExt, service_fn};

const FIELDS: [&str; 9] = [
    "retry-after",
    "date",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-remaining",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "grpc-retry-pushback-ms",
    "grpc-status-details-bin",
];

/// Pieces that values of these fields consist of, so that many get far into a
/// parser.
const PIECES: [&str; 22] = [
    "\"a\"",
    ";r=",
    ";t=",
    ";q=",
    ";w=",
    ";pk=:YQ==:",
    ", ",
    "limit=",
    "remaining=",
    "0",
    "7",
    "-1",
    "1000000000000",
    "999999999999999",
    "99999999999999999999",
    "1.5",
    " ",
    "\\",
    "(",
    ")",
    "Sun, 06 Nov 1994 08:49:37 GMT",
    "Sunday, 06-Nov-94 08:49:37 GMT",
];

fn value() -> impl Strategy<Value = HeaderValue> {
    let pieces =
        vec(prop::sample::select(&PIECES[..]), 0..9).prop_map(|it| it.concat().into_bytes());
    let bytes = vec(any::<u8>(), 0..40);
    prop_oneof![pieces, bytes].prop_filter_map("a header value", |bytes| {
        HeaderValue::from_bytes(&bytes).ok()
    })
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let line = (prop::sample::select(&FIELDS[..]), value());
    vec(line, 0..8).prop_map(|lines| {
        let lines = lines
            .into_iter()
            .map(|(name, value)| (HeaderName::from_static(name), value));
        let mut map = HeaderMap::new();
        lines.for_each(|(name, value)| _ = map.append(name, value));
        map
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn any_advice_is_read_within_its_bounds(headers in headers()) {
        let delay = retry_advice(&headers).and_then(|it| it.delay());
        prop_assert!(delay.is_none_or(|it| it <= MAX_DELAY));
        let quotas = quotas(&headers);
        prop_assert!(quotas.len() <= 16);
        for quota in quotas {
            let times = [quota.window(), quota.more_after()];
            prop_assert!(times.into_iter().flatten().all(|it| it <= MAX_DELAY));
            prop_assert!(quota.window() != Some(Duration::ZERO));
        }
    }
}

async fn response(headers: Headers, calls: u64) -> Response<String> {
    let limiter = Local::builder(TokenBucket::new(Quota::per_second(10).burst(20)));
    let answer = Answer::new().headers(headers);
    let layer = RateLimitLayer::new(limiter.name("a, \"b\";r=9").direct()).refuse_with(answer);
    let service = layer.layer(service_fn(|_: Request<String>| async {
        Ok::<_, std::convert::Infallible>(Response::new(String::new()))
    }));
    for _ in 1..calls {
        service
            .clone()
            .oneshot(Request::new(String::new()))
            .await
            .unwrap();
    }
    service.oneshot(Request::new(String::new())).await.unwrap()
}

#[tokio::test]
async fn the_fields_of_this_crates_layers_are_read_back() {
    let second = Some(Duration::from_secs(1));
    for (calls, left) in [(1, 19), (11, 9), (21, 0)] {
        let response = response(Headers::Both, calls).await;
        let [quota] = &quotas(response.headers())[..] else {
            panic!("one quota");
        };
        assert_eq!(quota.name(), "a, \"b\";r=9");
        assert_eq!((quota.limit(), quota.remaining()), (Some(20), Some(left)));
        assert_eq!(
            (quota.window(), quota.more_after()),
            (Some(Duration::from_secs(2)), second)
        );
        let retry = retry_advice(response.headers()).and_then(|it| it.delay());
        assert_eq!(retry, second.filter(|_| calls > 20));
    }
}

#[tokio::test]
async fn the_legacy_fields_alone_are_read_back() {
    let response = response(Headers::Legacy, 11).await;
    let [quota] = &quotas(response.headers())[..] else {
        panic!("one quota");
    };
    assert_eq!((quota.limit(), quota.remaining()), (Some(20), Some(9)));
    assert_eq!(quota.more_after(), Some(Duration::from_secs(2)));
}
