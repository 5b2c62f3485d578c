//! A queue of orders that survives its process.
//!
//! ```text
//! cargo run --release -p worker
//! cargo run --release -p worker -- --demo 200
//! cargo run --release -p worker -- --help
//! ```
//!
//! `README.md` beside this crate shows what to try.
//!
//! | module | holds |
//! |---|---|
//! | `event` | the states of an event, and which step leads where |
//! | `store` | the database: orders, outbox and books |
//! | `pipeline` | the three stages, their channels and pools |
//! | `marks` | the idempotency store, which remembers what was charged |
//! | `provider` | the payment provider, made up |
//! | `http` | the API and the metrics |

mod bench;
mod demo;
mod event;
mod http;
mod live;
mod marks;
mod pipeline;
mod provider;
mod refused;
mod serve;
mod settings;
mod store;
mod time;
mod worker;

use std::{env, io, process::ExitCode};

use clap::{CommandFactory, Parser, error::ErrorKind};
use tracing_subscriber::{
    filter::{LevelFilter, Targets},
    prelude::*,
};

use self::settings::{Cli, Command};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log_to_stderr();
    let ended = match &cli.command {
        Some(Command::Bench(settings)) => {
            let ended = bench::bench(settings).await;
            ended.map(|()| ExitCode::SUCCESS)
        }
        None => serve::serve(&cli.serve).await,
    };
    ended.unwrap_or_else(|refused| {
        let error = Cli::command().error(ErrorKind::ValueValidation, refused);
        error.exit()
    })
}

/// Logs dead letters, among other things. `RUST_LOG` chooses what, as in
/// `RUST_LOG=error`.
fn log_to_stderr() {
    let chosen = env::var("RUST_LOG").ok().and_then(|text| text.parse().ok());
    let targets = chosen.unwrap_or_else(|| Targets::new().with_default(LevelFilter::WARN));
    let lines = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    tracing_subscriber::registry()
        .with(lines.with_ansi(false))
        .with(targets)
        .init();
}
