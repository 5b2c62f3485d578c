//! A chain of services that call each other, each with settings of its own.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::deadline::{Deadline, Form, PropagateDeadlineLayer, scope};
use tokio::{runtime::Builder, time::advance};

use super::{ENVOY, call, layer};
use crate::support::{request, request_with};

/// The margin of a service, as the test computes it.
#[derive(Clone, Copy, Debug)]
enum Margin {
    Default,
    UpTo(Duration),
    Fixed(Duration),
}

impl Margin {
    fn set(self, layer: PropagateDeadlineLayer) -> PropagateDeadlineLayer {
        match self {
            Self::Default => layer,
            Self::UpTo(most) => layer.margin(most),
            Self::Fixed(margin) => layer.fixed_margin(margin),
        }
    }

    /// The time that is left without the margin.
    fn off(self, left: Duration) -> Duration {
        let margin = match self {
            Self::Default => Duration::from_millis(100).min(left / 10),
            Self::UpTo(most) => most.min(left / 10),
            Self::Fixed(margin) => margin,
        };
        left.saturating_sub(margin)
    }
}

/// One service and its call of the next.
#[derive(Clone, Debug)]
struct Hop {
    /// How long it works before it calls.
    work: Duration,
    /// How long the call is under way.
    way: Duration,
    margin: Margin,
    call_max: Option<Duration>,
    /// The header that the next one reads.
    header: &'static str,
    /// The timeout that the request has already.
    preset: Option<u32>,
}

const HEADERS: [&str; 3] = [
    "grpc-timeout",
    "x-request-timeout",
    "x-envoy-expected-rq-timeout-ms",
];

/// Times up to 100 s, with each order of magnitude equally often.
fn times() -> impl Strategy<Value = Duration> {
    (0..38_u32, any::<u64>()).prop_map(|(bits, random)| Duration::from_nanos(random >> (63 - bits)))
}

fn margins() -> impl Strategy<Value = Margin> {
    prop_oneof![
        Just(Margin::Default),
        times().prop_map(Margin::UpTo),
        times().prop_map(Margin::Fixed),
    ]
}

fn hops() -> impl Strategy<Value = Hop> {
    let brief = || times().prop_map(|time| time / 1_000);
    let header = (0..HEADERS.len()).prop_map(|at| HEADERS[at]);
    let preset = prop::option::of(0..100_000_u32);
    let settings = (margins(), prop::option::of(times()), header, preset);
    (brief(), brief(), settings).prop_map(|(work, way, (margin, call_max, header, preset))| Hop {
        work,
        way,
        margin,
        call_max: call_max.filter(|most| !most.is_zero()),
        header,
        preset,
    })
}

impl Hop {
    /// Returns what the next one is told; `None` if it is not called.
    async fn calls(&self) -> Option<Duration> {
        let mut layer = self.margin.set(layer());
        if let Some(most) = self.call_max {
            layer = layer.call_max(most);
        }
        if self.header == HEADERS[2] {
            layer = layer.http_header(ENVOY, Form::Millis);
        }
        let mut req = match self.header == HEADERS[0] {
            true => request_with("content-type", "application/grpc"),
            false => request(),
        };
        if let Some(preset) = self.preset {
            let unit = ["m", "ms", ""][HEADERS.iter().position(|it| *it == self.header)?];
            let value = format!("{preset}{unit}").parse().unwrap();
            req.headers_mut().insert(self.header, value);
        }
        let answer = call(layer, req).await;
        let told = answer.headers().get(self.header)?.as_bytes();
        let form = match self.header {
            "grpc-timeout" => Form::Grpc,
            "x-request-timeout" => Form::Text,
            _ => Form::Millis,
        };
        Some(form.read(told).unwrap())
    }

    /// Returns the deadline of the next one.
    async fn passes_on(&self, own: Deadline) -> Option<Deadline> {
        advance(self.work).await;
        let left = own.remaining();
        let told = scope(own, self.calls()).await?;
        let most = self.call_max.unwrap_or(Duration::MAX);
        assert!(told <= left && told <= most && !told.is_zero());
        assert!(told <= self.margin.off(left));
        if let Some(preset) = self.preset {
            assert!(told <= Duration::from_millis(preset.into()));
        }
        assert!(Deadline::after(told) <= own);
        // The next one does not know how long the call was under way.
        advance(self.way).await;
        Some(Deadline::after(told))
    }
}

proptest! {
    #[test]
    fn no_service_in_a_chain_is_told_more_time_than_its_caller_has(
        first in times(),
        hops in prop::collection::vec(hops(), 1..8),
    ) {
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let mut own = Deadline::after(first);
            for hop in hops {
                let Some(next) = hop.passes_on(own).await else {
                    break;
                };
                own = next;
            }
        });
    }
}
