//! The windows of other crates, with a limit that no bench reaches.

use std::{
    collections::HashMap,
    convert::Infallible,
    future::{Ready, ready},
    hint::black_box,
    sync::Arc,
    time::Duration,
};

use futures_util::FutureExt;
use limitador::{
    RateLimiter,
    limit::{Context, Expression, Limit, Namespace},
};
use tower::{Layer, Service, service_fn};
use tower_resilience_ratelimiter::{RateLimiterLayer, WindowType};

use super::{
    keys::{Order, name},
    side::Side,
};

/// tower-resilience: one service with each of its windows, by their ids in the lab. The
/// log has the memory of its limit from the start, and a period so short that it holds
/// little, as the log of this crate has.
pub(crate) fn resilience() -> impl Iterator<Item = (&'static str, Side)> {
    let (hour, brief) = (Duration::from_secs(3_600), Duration::from_micros(500));
    let windows = [
        ("resilience-fixed", WindowType::Fixed, usize::MAX / 4, hour),
        ("resilience-log", WindowType::SlidingLog, 65_536, brief),
        (
            "resilience-counter",
            WindowType::SlidingCounter,
            1 << 40,
            hour,
        ),
    ];
    windows
        .into_iter()
        .map(|(id, window, limit, period)| (id, service(window, limit, period)))
}

fn service(window: WindowType, limit: usize, period: Duration) -> Side {
    let layer = RateLimiterLayer::builder()
        .limit_for_period(limit)
        .refresh_period(period)
        .timeout_duration(Duration::ZERO)
        .window_type(window)
        .build();
    let layer: RateLimiterLayer = layer.expect("the limit is valid");
    let nothing: fn(()) -> Ready<Result<(), Infallible>> = |()| ready(Ok(()));
    Side::admitting(layer.layer(service_fn(nothing)), |service, _| {
        // It waits for nothing, because it admits or refuses at once.
        let answer = black_box(service.call(())).now_or_never();
        answer.is_some_and(|answer| answer.is_ok())
    })
}

/// limitador in memory: one counter.
pub(crate) fn limitador() -> Side {
    let limiter = Arc::new(limiter([]));
    Side::admitting(limiter, |limiter, _| admits(limiter, &Context::default()))
}

/// limitador in memory: a counter for each key, which is a variable of the limit.
pub(crate) fn limitador_by_number(order: &Order) -> Side {
    let variable = Expression::parse("key").expect("a name is an expression");
    let names: Arc<[String]> = order.every().map(name).collect();
    let subject = (Arc::new(limiter([variable])), names, order.clone());
    Side::admitting(subject, |(limiter, names, order), step| {
        let key = names[order.key(step)].clone();
        admits(limiter, &HashMap::from([("key".to_owned(), key)]).into())
    })
}

/// A limiter with its one limit and their namespace.
type Limitador = (RateLimiter, Namespace);

fn limiter(variables: impl IntoIterator<Item = Expression>) -> Limitador {
    let limiter = RateLimiter::new(100_000);
    limiter.add_limit(Limit::new("bench", u64::MAX / 2, 86_400, [], variables));
    (limiter, "bench".into())
}

fn admits((limiter, namespace): &Limitador, context: &Context<'_>) -> bool {
    let answer = limiter.check_rate_limited_and_update(namespace, black_box(context), 1);
    answer.is_ok_and(|answer| !answer.limited)
}
