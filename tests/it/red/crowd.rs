//! Many at once.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use futures_util::{FutureExt, future::BoxFuture};
use http::Response;
use http_body_util::BodyExt;
use sluicegate::{
    red::{RedLayer, Registry, ResponseBody},
    refusal::BoxError,
};
use tokio::sync::Barrier;
use tower::{Layer, ServiceExt};

use super::support::{Act, Step, Steps, acting, grpc_request, in_flight, outcomes, request};

const MANY: usize = 100_000;

/// How a request goes, and how it is taken.
#[derive(Clone, Copy)]
struct Plan {
    act: Act,
    grpc: bool,
    /// Whether the client hangs up after the head.
    leaves: bool,
    outcome: &'static str,
}

const fn plan(act: Act, grpc: bool, leaves: bool, outcome: &'static str) -> Plan {
    Plan {
        act,
        grpc,
        leaves,
        outcome,
    }
}

const HELLO: &[Step] = &[Step::Data("hello")];
const STATUS: &[Step] = &[Step::Data("hello"), Step::Status("0")];
const BROKEN: &[Step] = &[Step::Data("hel"), Step::Fail];
const BURSTING: &[Step] = &[Step::Data("hel"), Step::Panic];

const PLANS: [Plan; 11] = [
    plan(Act::Answer(200, HELLO), false, false, "ok"),
    plan(Act::Answer(404, HELLO), false, false, "client_error"),
    plan(Act::Answer(500, HELLO), false, false, "server_error"),
    plan(Act::Answer(200, HELLO), false, true, "cancelled"),
    plan(Act::Answer(200, BROKEN), false, false, "server_error"),
    plan(Act::Answer(200, BURSTING), false, false, "panic"),
    plan(Act::Fail, false, false, "server_error"),
    plan(Act::PanicAtOnce, false, false, "panic"),
    plan(Act::Hang, false, true, "cancelled"),
    plan(Act::Grpc(&[], STATUS), true, false, "ok"),
    plan(Act::Grpc(&[], HELLO), true, false, "server_error"),
];

type Asked = BoxFuture<'static, Result<Answer, BoxError>>;
type Answer = Response<ResponseBody<Steps>>;

/// Its future, and its answer if there was one at once.
fn ask(plan: Plan, layer: &RedLayer) -> (Asked, Option<Answer>) {
    let service = layer.layer(acting(plan.act));
    let req = if plan.grpc {
        grpc_request("/pkg.Service/Get")
    } else {
        request()
    };
    let mut asked = service.oneshot(req).boxed();
    let answered = catch_unwind(AssertUnwindSafe(|| asked.as_mut().now_or_never()));
    let answer = answered.ok().flatten().and_then(Result::ok);
    (asked, answer)
}

async fn go(plan: Plan, layer: RedLayer, all_there: Arc<Barrier>) {
    let (asked, answer) = ask(plan, &layer);
    // Requests that hang are in flight while all wait for each other.
    all_there.wait().await;
    drop(asked);
    if let Some(response) = answer.filter(|_| !plan.leaves) {
        let whole = response.into_body().collect();
        let _ = AssertUnwindSafe(whole).catch_unwind().await;
    }
}

/// Thousands of panics are told of nowhere, if they are as they were told.
fn quietly() {
    let others = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let told = info.payload().downcast_ref::<&str>();
        if !told.is_some_and(|told| told.contains("as told")) {
            others(info);
        }
    }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_thousand_mixed_requests_at_once() {
    quietly();
    let metrics = Registry::new();
    let all_there = Arc::new(Barrier::new(MANY + 1));
    let plans = (0..MANY).map(|n| PLANS[n % PLANS.len()]);
    let mut expected = BTreeMap::new();
    let mut tasks = Vec::new();
    for plan in plans {
        *expected.entry(plan.outcome).or_insert(0_u64) += 1;
        let layer = RedLayer::server(&metrics);
        tasks.push(tokio::spawn(go(plan, layer, all_there.clone())));
        if tasks.len() % 10_000 == 0 {
            in_flight(&metrics);
        }
    }
    all_there.wait().await;
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(in_flight(&metrics), 0);
    assert_eq!(metrics.snapshot().started(), MANY as u64);
    assert_eq!(outcomes(&metrics), expected);
}
