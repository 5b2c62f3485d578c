//! For any failures, methods, keys and deadlines: no call that may have been
//! processed is repeated unless it may be, no attempt is late or too many, and
//! the budget holds in every window.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use proptest::prelude::*;
use sluicegate::{
    client::{RetryBudget, RetryLayer, TapedBody},
    deadline::{self, Deadline},
};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

use super::support::{Does, Seen, Server, layer, ms};

const MAX_RETRIES: u32 = 2;

/// A call, and what happens to its attempts.
#[derive(Clone, Debug)]
struct Case {
    method: Method,
    is_grpc: bool,
    is_named: bool,
    has_key: bool,
    is_attached: bool,
    body_bytes: usize,
    deadline: Option<u64>,
    script: Vec<Does>,
}

impl Case {
    fn may_be_repeated(&self) -> bool {
        let by_method = match self.is_grpc {
            true => self.is_named,
            false => self.method.is_idempotent(),
        };
        by_method || self.has_key || self.is_attached
    }

    fn request(&self) -> Request<TapedBody<Full<Bytes>>> {
        let body = TapedBody::new(Full::new(Bytes::from(vec![b'x'; self.body_bytes])));
        let mut req = Request::new(body);
        *req.method_mut() = self.method.clone();
        *req.uri_mut() = "http://server/shop.Things/Get".parse().unwrap();
        let headers = req.headers_mut();
        if self.is_grpc {
            headers.insert("content-type", "application/grpc".parse().unwrap());
        }
        if self.has_key {
            headers.insert("idempotency-key", "17".parse().unwrap());
        }
        req
    }

    fn layer(&self) -> RetryLayer {
        let is_named = self.is_named;
        let layer = layer().0.idempotent(move |_| is_named).max_body_bytes(100);
        match self.is_attached {
            true => layer.attach_key(),
            false => layer,
        }
    }
}

fn fails() -> impl Strategy<Value = Does> {
    let said = prop_oneof![
        Just(None),
        (-2_i64..400).prop_map(|it| Some(it.to_string())),
        Just(Some("x".to_owned()))
    ];
    let fields = |name| {
        said.clone()
            .prop_map(move |it| it.map(|it| (name, it)).into_iter().collect())
    };
    let status = prop_oneof![
        Just(503_u16),
        Just(502),
        Just(504),
        Just(429),
        Just(409),
        Just(500)
    ];
    let code = prop_oneof![Just(14_u16), Just(8), Just(10), Just(4), Just(0)];
    let does = prop_oneof![
        (status, fields("retry-after")).prop_map(|(status, lines)| Does::Says(status, lines)),
        (code.clone(), fields("grpc-retry-pushback-ms"))
            .prop_map(|(code, lines)| Does::TrailersOnly(code, lines)),
        (code, fields("grpc-retry-pushback-ms"))
            .prop_map(|(code, lines)| Does::Trailers(code, lines)),
        Just(Does::Message(14)),
        Just(Does::NoStatus),
        Just(Does::RefusesConnection),
        Just(Does::RefusesStream),
        Just(Does::Breaks),
        Just(Does::NotReady),
    ];
    (0_u64..300, does).prop_map(|(time, does)| match does {
        Does::NotReady => does,
        does if time < 150 => does,
        does => Does::Sleeps(time, Box::new(does)),
    })
}

fn cases() -> impl Strategy<Value = Case> {
    let methods = [Method::GET, Method::PUT, Method::POST, Method::PATCH];
    let bits = any::<[bool; 4]>();
    let body_bytes = prop_oneof![Just(0_usize), Just(100), Just(101)];
    let deadline = proptest::option::of(0_u64..5_000);
    let script = proptest::collection::vec(fails(), 0..8);
    let method = proptest::sample::select(methods.to_vec());
    (method, bits, body_bytes, deadline, script).prop_map(
        |(method, [is_grpc, is_named, has_key, is_attached], body_bytes, deadline, script)| Case {
            method: if is_grpc { Method::POST } else { method },
            is_grpc,
            is_named,
            has_key,
            is_attached: is_attached && is_named,
            body_bytes,
            deadline,
            script,
        },
    )
}

fn run<T>(work: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = runtime.enable_time().start_paused(true).build().unwrap();
    runtime.block_on(work)
}

/// Makes the call. Returns when it began, what the server did in all, and what
/// it saw.
async fn play(case: &Case) -> (Instant, Vec<Does>, Vec<Seen>) {
    let server = Server::new(case.script.clone());
    let client = case.layer().layer(server.clone());
    let begun = Instant::now();
    let call = client.oneshot(case.request());
    let result = match case.deadline {
        Some(left) => deadline::scope(Deadline::after(ms(left)), call).await,
        None => call.await,
    };
    if let Ok(response) = result {
        _ = response.into_body().collect().await;
    }
    let used = case.script.len() - server.state.script.lock().unwrap().len();
    let mut did = case.script[..used].to_vec();
    let answers = server.calls() - did.iter().filter(|it| it.left()).count();
    did.resize(used + answers, Does::says(200));
    (begun, did, server.seen())
}

/// Whether a result may be followed by an attempt, whatever its server says of
/// time.
fn is_failure(does: &Does) -> bool {
    match does {
        Does::Sleeps(_, then) => is_failure(then),
        Does::Says(status, _) => [502, 503, 504, 409, 429].contains(status),
        Does::TrailersOnly(code, _) | Does::Trailers(code, _) => [14, 8, 10].contains(code),
        Does::Message(_) | Does::NoStatus => false,
        _ => true,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn no_call_is_repeated_that_may_not_be(case in cases()) {
        let (begun, did, seen) = run(play(&case));
        let repeated = &did[..did.len().saturating_sub(1)];
        for does in repeated {
            prop_assert!(is_failure(does), "{does:?} is an answer");
            prop_assert!(!does.may_have_processed() || case.may_be_repeated(), "{does:?}");
        }
        prop_assert!(case.body_bytes <= 100 || repeated.is_empty());
        prop_assert!(seen.len() <= 1 + MAX_RETRIES as usize);
        if case.deadline.is_none() {
            prop_assert!(did.len() <= 1 + MAX_RETRIES as usize);
        }
        for (nth, attempt) in seen.iter().enumerate().skip(1) {
            let end = case.deadline.map(|left| begun + ms(left));
            prop_assert!(end.is_none_or(|end| attempt.at < end), "attempt {nth} is late");
            prop_assert_eq!(&attempt.body, &seen[0].body);
            let key = "idempotency-key";
            prop_assert_eq!(attempt.headers.get(key), seen[0].headers.get(key));
            let name = match case.is_grpc {
                true => "grpc-previous-rpc-attempts",
                false => "x-previous-attempts",
            };
            prop_assert_eq!(&attempt.headers[name], &nth.to_string());
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn no_window_has_more_retries_than_the_budget_allows(
        percent in 1_u32..=100,
        gaps in proptest::collection::vec((0_u64..800, 0_u64..20), 1..300),
    ) {
        let (requests, retries) = run(async {
            let server = Server::failing(Does::says(503));
            let budget = RetryBudget::builder().percent(percent).local();
            let client = RetryLayer::new().budget(budget).layer(server.clone());
            let mut calls = Vec::new();
            for (gap, delay) in gaps {
                sleep(ms(gap)).await;
                // Some calls wait longer than others, by pushing them back.
                let status = Does::says_with(503, "retry-after", &delay.to_string());
                server.state.script.lock().unwrap().push_back(status);
                calls.push(tokio::spawn(client.clone().oneshot(super::support::get())));
                tokio::task::yield_now().await;
            }
            for call in calls {
                call.await.unwrap().unwrap();
            }
            let seen = server.seen();
            let is_retry = |it: &&Seen| it.headers.contains_key("x-previous-attempts");
            let times = |retries| {
                let of_kind = seen.iter().filter(move |it| is_retry(it) == retries);
                of_kind.map(|it| it.at).collect::<Vec<_>>()
            };
            (times(false), times(true))
        });
        for end in &retries {
            let window = |at: &&Instant| **at <= *end && *end - **at < Duration::from_secs(10);
            let (sent, made) = (retries.iter().filter(window).count(), requests.iter().filter(window).count());
            prop_assert!(sent * 100 <= made * percent as usize, "{sent} retries of {made}");
        }
    }
}
