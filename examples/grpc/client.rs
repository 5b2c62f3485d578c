//! The client: checks the health of the server, and lets it sleep.

use futures_util::future::join_all;
use sluicegate::{
    deadline::{self, Deadline, PropagateDeadlineLayer},
    red::{Outcome, RedLayer, Registry},
};
use tonic::{Status, transport::Endpoint};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};
use tonic_types::StatusExt;
use tower::Layer;

use crate::{
    Args,
    sleeper::{Nap, sleep},
};

pub(crate) async fn call(args: &Args, server: Endpoint) {
    let metrics = Registry::new();
    let channel = PropagateDeadlineLayer::new().layer(server.connect_lazy());
    let channel = RedLayer::client(&metrics).layer(channel);
    let ms = u32::try_from(args.sleep.as_millis()).unwrap_or(u32::MAX);
    let calls = async {
        let mut health = HealthClient::new(channel.clone());
        let healthy = health.check(HealthCheckRequest::default()).await;
        print(
            "health",
            healthy.map(|it| format!("{:?}", it.get_ref().status())),
        );
        // The calls get the deadline of the task, which the layer writes into them.
        let naps = (0..args.calls).map(|_| sleep(channel.clone(), Nap { ms }));
        for slept in join_all(naps).await {
            let slept = slept.map(|it| format!("{} ms, grpc-timeout {}", it.ms, it.timeout));
            print("sleep", slept);
        }
    };
    deadline::scope(Deadline::after(args.deadline), calls).await;
    summarize(&metrics);
}

fn summarize(metrics: &Registry) {
    let snapshot = metrics.snapshot();
    for outcome in Outcome::ALL {
        let count = snapshot.count(outcome);
        if count > 0 {
            println!("{count} {}", outcome.as_str());
        }
    }
}

fn print(what: &str, result: Result<String, Status>) {
    match result {
        Ok(answer) => println!("{what}: {answer}"),
        Err(status) => println!("{what}: {}", describe(&status)),
    }
}

fn describe(status: &Status) -> String {
    let text = format!("{:?}: {}", status.code(), status.message());
    let retry = status.get_details_retry_info();
    match retry.and_then(|retry| retry.retry_delay) {
        Some(delay) => format!("{text} (RetryInfo: {delay:?})"),
        None => text,
    }
}
