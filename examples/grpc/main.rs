//! A gRPC server that limits each client, and a client that passes its deadline on.
//!
//! ```text
//! cargo run --release --example grpc
//! cargo run --release --example grpc -- --client http://127.0.0.1:50051
//! cargo run --release --example grpc -- --client http://127.0.0.1:50051 --deadline 50ms
//! cargo run --release --example grpc -- --client http://127.0.0.1:50051 --calls 30
//! cargo run --release --example grpc -- --help
//! ```
//!
//! The metrics of the server are at `/metrics`, over HTTP.
//!
//! ```text
//! curl http://127.0.0.1:50051/metrics
//! ```
//!
//! The server has the standard health service, and one that sleeps for as long as
//! a request says. The client calls both and prints the responses. With a deadline
//! that is too short it gets `DEADLINE_EXCEEDED`; with more calls than the burst it
//! gets `RESOURCE_EXHAUSTED`, with the time after which to retry.

use std::{fmt::Display, time::Duration};

use clap::{CommandFactory, Parser, error::ErrorKind};
use sluicegate::limit::Quota;
use tonic::transport::Endpoint;

mod client;
mod serve;
mod sleeper;

/// A gRPC server that limits each client, or a client of it.
#[derive(Debug, Parser)]
#[command(name = "grpc")]
struct Args {
    /// Address and port to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:50051", conflicts_with = "client")]
    listen: String,

    /// Calls that a client may make, such as 5/10s, 3 per second or 100/1m burst 200
    #[arg(
        long,
        value_name = "QUOTA",
        default_value = "10/1s burst 20",
        allow_hyphen_values = true
    )]
    limit: Quota,

    /// Call this server instead of being one
    #[arg(long, value_name = "URL")]
    client: Option<String>,

    /// How long the client waits for all of its calls
    #[arg(long, default_value = "1s", value_parser = humantime::parse_duration)]
    deadline: Duration,

    /// How long the client asks the server to sleep
    #[arg(long, default_value = "100ms", value_parser = humantime::parse_duration)]
    sleep: Duration,

    /// How many such calls the client makes at once
    #[arg(long, default_value_t = 1)]
    calls: usize,
}

#[tokio::main]
async fn main() {
    let args = Args::parse();
    match &args.client {
        Some(url) => client::call(&args, endpoint(url)).await,
        None => serve::serve(&args).await,
    }
}

fn endpoint(url: &str) -> Endpoint {
    let refused = |error| format!("{error}; must be a URL such as http://127.0.0.1:50051");
    let endpoint = Endpoint::from_shared(url.to_owned()).map_err(refused);
    endpoint.unwrap_or_else(|reason| refuse("--client", reason))
}

/// Ends the process as clap does after an invalid value of a flag.
fn refuse(flag: &str, reason: impl Display) -> ! {
    let message = format!("invalid value for '{flag}': {reason}");
    let error = Args::command().error(ErrorKind::ValueValidation, message);
    error.exit()
}
