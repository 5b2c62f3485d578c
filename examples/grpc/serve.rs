//! The server: health and sleep, within the caller's deadline and behind a limit
//! for each client.

use std::{
    io::{self, Write},
    time::Duration,
};

use sluicegate::{
    deadline::EnforceDeadlineLayer,
    key::ClientIp,
    limit::{Local, Quota, QuotaError, RateLimitLayer, TokenBucket},
};
use tokio::{net::TcpListener, signal};
use tonic::transport::{Server, server::TcpIncoming};

use crate::{Args, refuse, sleeper::Sleeper};

pub(crate) async fn serve(args: &Args) {
    let quota = quota(args).unwrap_or_else(|error| refuse(flag(&error), error));
    let limiter = Local::keyed(TokenBucket::new(quota));
    let (health, health_service) = tonic_health::server::health_reporter();
    health.set_serving::<Sleeper>().await;

    let listener = listen(&args.listen).await;
    let listener = listener.unwrap_or_else(|reason| refuse("--listen", reason));
    greet(&listener);
    let server = Server::builder()
        .layer(EnforceDeadlineLayer::new().maximum(Duration::from_secs(30)))
        .layer(RateLimitLayer::new(limiter).key(ClientIp::peer()))
        .add_service(health_service)
        .add_service(Sleeper);
    let stop = async { _ = signal::ctrl_c().await };
    let incoming = TcpIncoming::from(listener);
    if let Err(error) = server.serve_with_incoming_shutdown(incoming, stop).await {
        eprintln!("stopped: {error}");
    }
}

fn quota(args: &Args) -> Result<Quota, QuotaError> {
    Quota::new(args.limit, args.per)?.try_burst(args.burst)
}

/// Which flag has set the field that the quota complains of.
fn flag(error: &QuotaError) -> &'static str {
    match error.field() {
        "amount" => "--limit",
        "period" => "--per",
        _ => "--burst",
    }
}

async fn listen(address: &str) -> Result<TcpListener, String> {
    let allowed = "a free address and port of this machine, such as 127.0.0.1:50051";
    let refused = |error| format!("cannot listen on {address:?}: {error}; allowed is {allowed}");
    TcpListener::bind(address).await.map_err(refused)
}

fn greet(listener: &TcpListener) {
    let address = listener.local_addr().expect("a listener has an address");
    let greeting = format!(
        "listening on {address}, until Ctrl-C; try\n\
         \n\
         cargo run --release --example grpc -- --client http://{address}\n\n",
    );
    // Where nobody reads it, nobody misses it: a closed pipe stops no server.
    _ = io::stdout().write_all(greeting.as_bytes());
}
