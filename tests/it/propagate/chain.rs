//! A chain of services that call each other, each with settings of its own.

use std::time::Duration;

use proptest::prelude::*;
use sluicegate::deadline::{
    Deadline, Margin, TimeoutHeader, scope,
    wire::{read_grpc, read_millis, read_timeout},
};
use tokio::{runtime::Builder, time::advance};

use super::{call, layer};
use crate::support::{request, request_with};

/// One service and its call of the next.
#[derive(Clone, Debug)]
struct Hop {
    /// What it does before it calls.
    work: Duration,
    /// How long the call is under way.
    way: Duration,
    margin: Margin,
    call_max: Option<Duration>,
    /// The header that the next one reads.
    header: &'static str,
    /// What the request says already.
    said: Option<u32>,
}

const HEADERS: [&str; 3] = [
    "grpc-timeout",
    "x-request-timeout",
    "x-envoy-expected-rq-timeout-ms",
];

/// Up to 100 s, each order of magnitude as often.
fn times() -> impl Strategy<Value = Duration> {
    (0..38_u32, any::<u64>()).prop_map(|(bits, random)| Duration::from_nanos(random >> (63 - bits)))
}

fn margins() -> impl Strategy<Value = Margin> {
    prop_oneof![
        Just(Margin::default()),
        times().prop_map(Margin::up_to),
        times().prop_map(Margin::fixed),
    ]
}

fn hops() -> impl Strategy<Value = Hop> {
    let brief = || times().prop_map(|time| time / 1_000);
    let header = (0..HEADERS.len()).prop_map(|at| HEADERS[at]);
    let said = prop::option::of(0..100_000_u32);
    let settings = (margins(), prop::option::of(times()), header, said);
    (brief(), brief(), settings).prop_map(|(work, way, (margin, call_max, header, said))| Hop {
        work,
        way,
        margin,
        call_max: call_max.filter(|most| !most.is_zero()),
        header,
        said,
    })
}

impl Hop {
    /// What the next one is told; `None` if it is not called.
    async fn calls(&self) -> Option<Duration> {
        let mut layer = layer().margin(self.margin);
        if let Some(most) = self.call_max {
            layer = layer.call_max(most);
        }
        if self.header == HEADERS[2] {
            layer = layer.http_header(TimeoutHeader::Envoy);
        }
        let mut req = match self.header == HEADERS[0] {
            true => request_with("content-type", "application/grpc"),
            false => request(),
        };
        if let Some(said) = self.said {
            let unit = ["m", "ms", ""][HEADERS.iter().position(|it| *it == self.header)?];
            let value = format!("{said}{unit}").parse().unwrap();
            req.headers_mut().insert(self.header, value);
        }
        let answer = call(layer, req).await;
        let told = answer.headers().get(self.header)?.as_bytes();
        let read = match self.header {
            "grpc-timeout" => read_grpc,
            "x-request-timeout" => read_timeout,
            _ => read_millis,
        };
        Some(read(told).unwrap())
    }

    /// The deadline of the next one.
    async fn passes_on(&self, own: Deadline) -> Option<Deadline> {
        advance(self.work).await;
        let left = own.remaining();
        let told = scope(own, self.calls()).await?;
        let most = self.call_max.unwrap_or(Duration::MAX);
        assert!(told <= left && told <= most && !told.is_zero());
        assert!(told <= self.margin.off(left));
        if let Some(said) = self.said {
            assert!(told <= Duration::from_millis(said.into()));
        }
        assert!(Deadline::after(told) <= own);
        // How long it was under way, the next one does not know.
        advance(self.way).await;
        Some(Deadline::after(told))
    }
}

proptest! {
    #[test]
    fn nobody_down_a_chain_is_told_of_more_than_its_caller_has(
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
