//! The headers for several limits in front of a service: in an `All`, or in
//! nested layers.

use std::{sync::Arc, time::Duration};

use http::{StatusCode, header::RETRY_AFTER};
use sfv::{BareItem, Item, List, ListEntry, Parser};
use sluicegate::{
    clock::Manual,
    key::{self, Global},
    limit::{
        All, Backend, Check, Cost, Decision, Direct, FixedWindow, Keyed, LeakyBucket, Limiter,
        Local, Quota, RateLimitLayer, Rule, SlidingWindow, TokenBucket, Verdict, Wait,
    },
    refusal::{Answer, Headers, Refusal},
};
use tower::{Layer, Service};

use crate::support::{Probe, Req, Res, request, request_with, send};

const REFUSED: StatusCode = StatusCode::TOO_MANY_REQUESTS;

/// The members of a list: name, and the two numbers behind it.
fn list(res: &Res, field: &str) -> Vec<(String, [Option<i64>; 2])> {
    let lines = res.headers().get_all(field).iter();
    let lines: Vec<&str> = lines.map(|line| line.to_str().unwrap()).collect();
    let list: List = Parser::new(&lines.join(", ")).parse().unwrap();
    let names = if field == "ratelimit" {
        ["r", "t"]
    } else {
        ["q", "w"]
    };
    let member = |entry: &ListEntry| {
        let ListEntry::Item(Item { bare_item, params }) = entry else {
            panic!("{entry:?}");
        };
        let BareItem::String(name) = bare_item else {
            panic!("{bare_item:?}");
        };
        let number = |name: &str| Some(i64::from(params.get(name)?.as_integer()?));
        (name.as_str().to_owned(), names.map(number))
    };
    list.iter().map(member).collect()
}

fn states(res: &Res) -> Vec<(String, [Option<i64>; 2])> {
    list(res, "ratelimit")
}

fn policies(res: &Res) -> Vec<String> {
    let policies = list(res, "ratelimit-policy").into_iter();
    policies.map(|(name, _)| name).collect()
}

fn is(name: &str, left: i64, more: i64) -> (String, [Option<i64>; 2]) {
    (name.to_owned(), [Some(left), Some(more)])
}

fn legacy(res: &Res) -> [&str; 3] {
    let field = |name: &str| res.headers()[name].to_str().unwrap();
    [
        field("x-ratelimit-limit"),
        field("x-ratelimit-remaining"),
        field("x-ratelimit-reset"),
    ]
}

fn named<R: Rule>(name: &str, rule: R) -> Local<R, Keyed, Manual> {
    Local::builder(rule).name(name).clock(Manual::new()).keyed()
}

fn direct<R: Rule>(name: &str, rule: R) -> Local<R, Direct, Manual> {
    let builder = Local::builder(rule).name(name);
    builder.clock(Manual::new()).direct()
}

fn an_hour(amount: u64) -> TokenBucket {
    TokenBucket::new(Quota::per_hour(amount))
}

fn a_minute(amount: u64) -> TokenBucket {
    TokenBucket::new(Quota::per_minute(amount))
}

/// A layer that says all that it can.
fn telling<L: Clone>(limiter: L) -> RateLimitLayer<L> {
    let answer = Answer::new().headers(Headers::Both).with_decision();
    RateLimitLayer::new(limiter).refuse_with(answer)
}

async fn ask<S>(service: &mut S) -> Res
where
    S: Service<Req, Response = Res, Error = std::convert::Infallible>,
{
    send(service, request()).await
}

#[tokio::test]
async fn all_limits_are_listed_the_tightest_first() {
    let all = All((
        named("hour", an_hour(10)),
        named("minute", a_minute(3)),
        named("day", SlidingWindow::new(Quota::per_day(4))),
    ));
    let layer = RateLimitLayer::new(all.one_key()).key(key::header("user"));
    let mut service = layer.layer(Probe::new());
    let ann = || request_with("user", "ann");
    let res = send(&mut service, ann()).await;
    assert_eq!(policies(&res), ["minute", "hour", "day"]);
    let window = 86_400;
    let expected = [
        is("minute", 2, 20),
        is("hour", 9, 360),
        is("day", 3, window + window / 4 * 3 - window / 4 * 3),
    ];
    let told = states(&res);
    assert_eq!(told[..2], expected[..2]);
    assert_eq!((&*told[2].0, told[2].1[0]), ("day", Some(3)));
    assert_eq!(list(&res, "ratelimit-policy")[2].1, [Some(4), Some(window)]);
    send(&mut service, ann()).await;
    send(&mut service, ann()).await;
    let res = send(&mut service, ann()).await;
    assert_eq!(res.status(), REFUSED);
    assert_eq!(policies(&res), ["minute", "hour", "day"]);
    let told = states(&res);
    let left: Vec<_> = told.iter().map(|(name, told)| (&**name, told[0])).collect();
    assert_eq!(
        left,
        [("minute", Some(0)), ("hour", Some(7)), ("day", Some(1))],
        "what was taken of the others is given back"
    );
    assert_eq!(res.headers()[RETRY_AFTER], "20");
    let refusal = res.extensions().get::<Refusal>().unwrap();
    let others = refusal.others();
    let names: Vec<_> = others.iter().map(|other| other.name()).collect();
    assert_eq!(names, ["hour", "day"]);
    assert_eq!(others[0].decision().map(Decision::remaining), Some(7));
}

#[tokio::test]
async fn members_of_one_name_are_one() {
    let all = All((
        named("same", an_hour(10)),
        named("same", an_hour(5)),
        named("other", an_hour(2)),
    ));
    let layer = RateLimitLayer::new(all).key((Global, Global, Global));
    let res = ask(&mut layer.layer(Probe::new())).await;
    let told = [is("other", 1, 1_800), is("same", 4, 720)];
    assert_eq!(states(&res), told);
    assert_eq!(policies(&res), ["other", "same"]);
}

#[tokio::test]
async fn the_tighter_layer_speaks_whichever_is_outside() {
    for tight_outside in [true, false] {
        let loose = telling(direct("loose", an_hour(10)));
        let tight = telling(direct("tight", a_minute(3)));
        let res = match tight_outside {
            true => ask(&mut tight.layer(loose.layer(Probe::new()))).await,
            false => ask(&mut loose.layer(tight.layer(Probe::new()))).await,
        };
        assert_eq!(legacy(&res), ["3", "2", "20"], "{tight_outside}");
        let decision = res.extensions().get::<Decision>().unwrap();
        assert_eq!((decision.limit(), decision.remaining()), (3, 2));
        let mut told = states(&res);
        told.sort();
        assert_eq!(told, [is("loose", 9, 360), is("tight", 2, 20)]);
        assert_eq!(policies(&res).len(), 2);
    }
}

/// All there is to compare with is what the response carries.
#[tokio::test]
async fn legacy_headers_alone_are_the_tighter_layers() {
    let legacy_only =
        |limiter| RateLimitLayer::new(limiter).refuse_with(Answer::new().headers(Headers::Legacy));
    for tight_outside in [true, false] {
        let loose = legacy_only(direct("loose", an_hour(10)));
        let tight = legacy_only(direct("tight", a_minute(3)));
        let late = legacy_only(direct("late", an_hour(3)));
        let res = match tight_outside {
            true => ask(&mut late.layer(tight.layer(loose.layer(Probe::new())))).await,
            false => ask(&mut loose.layer(tight.layer(late.layer(Probe::new())))).await,
        };
        assert_eq!(legacy(&res), ["3", "2", "1200"], "{tight_outside}");
    }
    let outer = legacy_only(direct("outer", an_hour(2)));
    let inner = legacy_only(direct("inner", a_minute(1)));
    let mut service = outer.layer(inner.layer(Probe::new()));
    ask(&mut service).await;
    let res = ask(&mut service).await;
    assert_eq!((res.status(), legacy(&res)), (REFUSED, ["1", "0", "60"]));
}

/// A layer that writes the IETF fields alone, as by default, may be the tighter one.
#[tokio::test]
async fn legacy_headers_heed_layers_that_write_none() {
    let silent = |limiter| RateLimitLayer::new(limiter);
    let probe = Probe::new;
    for headers in [Headers::Legacy, Headers::Both] {
        let answer = Answer::new().headers(headers);
        let speaks = |limiter| RateLimitLayer::new(limiter).refuse_with(answer);
        let hour = || direct("hour", an_hour(10));
        let minute = || direct("min, \"ute\"", a_minute(3));
        let late = || direct("late", an_hour(3));
        let tight_inside = &mut speaks(hour()).layer(silent(minute()).layer(probe()));
        assert_eq!(legacy(&ask(tight_inside).await), ["3", "2", "20"]);
        assert_eq!(legacy(&ask(tight_inside).await), ["3", "1", "40"]);
        let loose_inside = &mut speaks(minute()).layer(silent(hour()).layer(probe()));
        assert_eq!(legacy(&ask(loose_inside).await), ["3", "2", "20"]);
        let late_inside = &mut speaks(minute()).layer(silent(late()).layer(probe()));
        assert_eq!(legacy(&ask(late_inside).await), ["3", "2", "1200"]);
        let between = silent(minute()).layer(speaks(hour()).layer(probe()));
        let between = &mut speaks(direct("outer", an_hour(9))).layer(between);
        assert_eq!(legacy(&ask(between).await), ["3", "2", "20"]);
    }
}

/// A window comes back at once: what it has told itself is not reckoned anew.
#[tokio::test]
async fn the_numbers_of_a_window_are_kept() {
    let window = || direct("window", FixedWindow::new(Quota::per_minute(3)));
    for with_decision in [true, false] {
        let answer = Answer::new().headers(Headers::Both);
        let answer = if with_decision {
            answer.with_decision()
        } else {
            answer
        };
        let speaks = |limiter| RateLimitLayer::new(limiter).refuse_with(answer);
        let alone = &mut speaks(window()).layer(Probe::new());
        let outer = RateLimitLayer::new(direct("outer", an_hour(9))).refuse_with(answer);
        let nested = &mut outer.layer(speaks(window()).layer(Probe::new()));
        for _ in 0..3 {
            let (alone, nested) = (ask(alone).await, ask(nested).await);
            assert_eq!(legacy(&alone), legacy(&nested));
        }
    }
}

#[tokio::test]
async fn of_two_with_as_much_left_the_later_one_speaks() {
    for late_outside in [true, false] {
        let soon = telling(direct("soon", a_minute(3)));
        let late = telling(direct("late", an_hour(3)));
        let res = match late_outside {
            true => ask(&mut late.layer(soon.layer(Probe::new()))).await,
            false => ask(&mut soon.layer(late.layer(Probe::new()))).await,
        };
        assert_eq!(legacy(&res), ["3", "2", "1200"]);
        let decision = res.extensions().get::<Decision>().unwrap();
        assert_eq!(decision.reset_after(), Duration::from_secs(1_200));
    }
}

/// The remaining quota of an outer layer does not count if an inner one has
/// refused.
#[tokio::test]
async fn the_layer_that_refuses_speaks_and_others_do_not_move_its_time() {
    let outer = telling(direct("outer", an_hour(2)));
    let inner = telling(direct("inner", a_minute(1)));
    let mut service = outer.layer(inner.layer(Probe::new()));
    ask(&mut service).await;
    let res = ask(&mut service).await;
    assert_eq!(res.status(), REFUSED);
    assert_eq!(res.headers()[RETRY_AFTER], "60");
    assert_eq!(legacy(&res), ["1", "0", "60"]);
    let decision = res.extensions().get::<Decision>().unwrap();
    assert_eq!((decision.verdict(), decision.limit()), (Verdict::Deny, 1));
    let mut told = states(&res);
    told.sort();
    // Nothing is left outside either, and for longer.
    assert_eq!(told, [is("inner", 0, 60), is("outer", 0, 1_800)]);
}

#[tokio::test]
async fn layers_of_one_name_are_one_member() {
    for tight_outside in [true, false] {
        let loose = telling(direct("default", an_hour(10)));
        let tight = telling(direct("default", a_minute(3)));
        let res = match tight_outside {
            true => ask(&mut tight.layer(loose.layer(Probe::new()))).await,
            false => ask(&mut loose.layer(tight.layer(Probe::new()))).await,
        };
        assert_eq!(states(&res), [is("default", 2, 20)], "{tight_outside}");
        let policy = [("default".to_owned(), [Some(3), Some(60)])];
        assert_eq!(list(&res, "ratelimit-policy"), policy);
    }
    let outer = telling(direct("default", an_hour(9)));
    let inner = telling(direct("default", a_minute(1)));
    let mut service = outer.layer(inner.layer(Probe::new()));
    ask(&mut service).await;
    let res = ask(&mut service).await;
    assert_eq!(res.status(), REFUSED);
    assert_eq!(states(&res), [is("default", 0, 60)]);
}

#[tokio::test]
async fn an_all_around_a_limit_of_the_same_name_is_sorted_out_too() {
    let all = All((named("hour", an_hour(10)), named("a, \"b\"", an_hour(5))));
    let outer = RateLimitLayer::new(all.one_key()).key(Global);
    let inner = telling(direct("hour", an_hour(7)));
    let res = ask(&mut outer.layer(inner.layer(Probe::new()))).await;
    let mut told = states(&res);
    told.sort();
    assert_eq!(told, [is("a, \"b\"", 4, 720), is("hour", 6, 515)]);
    let mut policies = policies(&res);
    policies.sort();
    assert_eq!(policies, ["a, \"b\"", "hour"]);
}

/// There is room again long before more can be had at once.
#[tokio::test]
async fn a_full_queue_tells_no_time_later_than_its_retry() {
    let rule = LeakyBucket::new(Quota::per_minute(1)).queue(2);
    let limiter = direct("queue", rule);
    for cost in [1, 2] {
        assert!(limiter.check(cost).is_admitted());
    }
    let mut service = telling(limiter.clone()).layer(Probe::new());
    let res = ask(&mut service).await;
    assert_eq!(res.status(), REFUSED);
    let retry = res.headers()[RETRY_AFTER].to_str().unwrap();
    let told = states(&res);
    assert_eq!(told[0].1[0], Some(0));
    let more = told[0].1[1];
    assert!(more.is_none_or(|more| more <= retry.parse().unwrap()));

    // Impatience is over sooner than the queue has more room.
    limiter.credit(2);
    let impatient = Wait::up_to(Duration::from_secs(40));
    let mut service = telling(limiter).wait(impatient).layer(Probe::new());
    let res = ask(&mut service).await;
    assert_eq!(res.headers()[RETRY_AFTER], "20");
    assert_eq!(states(&res), [("queue".to_owned(), [Some(2), None])]);
}

/// A limiter whose numbers come from elsewhere.
#[derive(Clone)]
struct Foreign(Decision);

impl Backend for Foreign {
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Decision, Self::Error>>;
}

impl<K: ?Sized> Limiter<K> for Foreign {
    fn name(&self, _key: &K) -> Arc<str> {
        "foreign".into()
    }

    fn check(&self, _key: &K, _cost: Cost) -> Check<Self::Future> {
        Check::Now(self.0)
    }

    fn until_ready(&self, key: &K, cost: Cost, _patience: Wait) -> Check<Self::Future> {
        self.check(key, cost)
    }
}

#[tokio::test]
async fn no_refusal_tells_of_a_time_after_its_retry() {
    for (retry, reset, more) in [
        (1_500, 6_000, None),
        (1_500, 1_900, Some(2)),
        (10, 900, Some(1)),
    ] {
        let millis = Duration::from_millis;
        let decision = Decision::new(Verdict::Deny, 10, 4, Some(millis(retry)), millis(reset));
        let res = ask(&mut telling(Foreign(decision)).layer(Probe::new())).await;
        assert_eq!(states(&res)[0].1, [Some(4), more], "{retry}");
    }
}

#[tokio::test]
async fn a_window_beside_a_bucket_keeps_its_own_time() {
    let window = named("window", FixedWindow::new(Quota::per_minute(1)));
    let bucket = named("bucket", an_hour(100));
    let layer = RateLimitLayer::new(All((window, bucket)).one_key()).key(Global);
    let mut service = layer.layer(Probe::new());
    ask(&mut service).await;
    let res = ask(&mut service).await;
    let told = states(&res);
    let retry: i64 = res.headers()[RETRY_AFTER]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!((&*told[0].0, told[0].1), ("window", [Some(0), Some(retry)]));
    assert_eq!(told[1], is("bucket", 99, 36));
}
