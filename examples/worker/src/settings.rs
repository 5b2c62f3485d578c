//! The flags.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};
use sluicegate::idempotency;

use crate::{
    event::Backoff,
    marks::MarksAt,
    pipeline::{Policy, Sizes},
};

/// A queue of orders that survives its process.
#[derive(Debug, Parser)]
#[command(name = "worker", args_conflicts_with_subcommands = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) serve: Serve,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Measures events a second with the durable store, and without any
    Bench(Bench),
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// Events of each run
    #[arg(long, default_value_t = 20_000)]
    pub(crate) events: usize,

    /// Runs of each kind
    #[arg(long, default_value_t = 5)]
    pub(crate) runs: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address and port to listen on; port 0 takes any free port
    #[arg(long, default_value = "127.0.0.1:3000")]
    pub(crate) listen: String,

    /// Database: sqlite:PATH?mode=rwc or postgres://USER@HOST/DATABASE
    #[arg(
        long,
        value_name = "URL",
        default_value = "sqlite:worker-data/orders.db?mode=rwc"
    )]
    pub(crate) database: String,

    /// Store that remembers what was charged: durable:PATH, redis, or memory, which a
    /// kill forgets
    #[arg(
        long,
        value_name = "STORE",
        default_value = "durable:worker-data/marks"
    )]
    pub(crate) marks: MarksAt,

    /// Redis server for the marks and the deadlines of all instances
    #[arg(long, value_name = "URL")]
    pub(crate) redis: Option<String>,

    /// Whether a charge whose process died is refused, as a dead letter, or repeated
    #[arg(long, value_enum, default_value_t = Takeover::Refuse)]
    pub(crate) takeover: Takeover,

    /// Time after which the work of a process that died is taken over: 10ms to 1day
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = lease)]
    pub(crate) lease: Duration,

    /// Pending events, from which on requests are refused
    #[arg(long, default_value_t = 10_000)]
    pub(crate) max_pending: u64,

    /// Events in the channel before each stage
    #[arg(long, default_value_t = 256, value_parser = count)]
    pub(crate) channel: usize,

    /// Events that the stages prepare, charge and settle work on at once. A kill leaves as
    /// many charges with an unknown outcome as are under way
    #[arg(long, value_name = "SIZE", num_args = 3, default_values_t = [4, 256, 1], value_parser = count)]
    pub(crate) pools: Vec<usize>,

    /// Attempts at an event
    #[arg(long, default_value_t = 5, value_parser = value_parser!(u32).range(1..))]
    pub(crate) attempts: u32,

    /// Largest time before the second attempt; it doubles with each further one
    #[arg(long, value_name = "TIME", default_value = "100ms", value_parser = humantime::parse_duration)]
    pub(crate) backoff: Duration,

    /// Largest time between two attempts
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) backoff_cap: Duration,

    /// Time for everything to end after SIGTERM or Ctrl-C
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub(crate) drain: Duration,

    /// Part of that time in which requests are still served, so that load balancers
    /// notice that /readyz fails
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) lame_duck: Duration,

    /// Orders a second that the worker sends to itself
    #[arg(long, value_name = "RATE", default_value_t = 0)]
    pub(crate) demo: u32,

    /// Time that the first stage takes for an event
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) prepare_time: Duration,

    /// Time that the provider takes for a call
    #[arg(long, value_name = "TIME", default_value = "5ms", value_parser = humantime::parse_duration)]
    pub(crate) charge_time: Duration,

    /// Time that the last stage takes for a transaction
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = humantime::parse_duration)]
    pub(crate) settle_time: Duration,

    /// Share of the calls that the provider fails: 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = share)]
    pub(crate) fail_rate: f64,

    /// File that gets a line for each charge, as the books of the provider
    #[arg(long, value_name = "PATH")]
    pub(crate) provider_books: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Takeover {
    Refuse,
    Rerun,
}

impl From<Takeover> for idempotency::Takeover {
    fn from(takeover: Takeover) -> Self {
        match takeover {
            Takeover::Refuse => Self::Refuse,
            Takeover::Rerun => Self::Rerun,
        }
    }
}

impl Serve {
    /// Returns how events are treated.
    pub(crate) fn policy(&self) -> Policy {
        Policy {
            lease: self.lease,
            attempts: self.attempts,
            backoff: Backoff {
                base: self.backoff,
                cap: self.backoff_cap,
            },
            prepare_time: self.prepare_time,
            settle_time: self.settle_time,
        }
    }

    /// Returns the sizes of channels and pools.
    pub(crate) fn sizes(&self) -> Sizes {
        Sizes {
            channel: self.channel,
            pools: [self.pools[0], self.pools[1], self.pools[2]],
        }
    }
}

/// Parses a number of at least 1.
fn count(text: &str) -> Result<usize, String> {
    let parsed: usize = text.parse().map_err(|_| "must be a number".to_owned())?;
    match parsed {
        0 => Err("must be at least 1".into()),
        count => Ok(count),
    }
}

/// Parses a lease of the length that `Claimant::lease` allows.
fn lease(text: &str) -> Result<Duration, String> {
    let possible = Duration::from_millis(10)..=Duration::from_secs(86_400);
    let parsed = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    match possible.contains(&parsed) {
        true => Ok(parsed),
        false => Err("must be 10ms to 1day".into()),
    }
}

fn share(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("must be 0 to 1".into()),
    }
}
