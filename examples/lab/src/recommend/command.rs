//! `lab recommend`: its flags, and the order of its work.

use std::{error::Error, path::PathBuf, time::Duration};

use clap::Args;
use sluicegate::limit::Quota;

use super::{
    allowed::Allowed,
    grid,
    results::RecommendResults,
    search::Search,
    share::Share,
    text::text,
    trace::{Trace, TraceBuilder},
};
use crate::replay::{
    InputArgs, InputTally, Merge, Progress, ReplayError, RuleChoice, Usage, write,
};

/// All rules but the leaky meter, which decides as the token bucket does.
const DEFAULT_RULES: &str = "token-bucket,leaky-queue,sliding-window,sliding-log,fixed-window";

/// Finds the smallest limits that refuse at most a share of recorded traffic
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: lab recommend access.log* --refuse-keys 0.1% --period 1m")]
#[group(id = "allowed", required = true, multiple = true, args = ["refuse_keys", "refuse_requests"])]
pub struct Command {
    #[command(flatten)]
    input: InputArgs,

    /// At most this share of the keys has a refused request, such as 0.1%
    #[arg(long, value_name = "SHARE")]
    refuse_keys: Option<Share>,

    /// At most this share of the requests is refused, such as 0.1%
    #[arg(long, value_name = "SHARE")]
    refuse_requests: Option<Share>,

    /// Period of the quotas, such as 1s, 1m or 1h
    #[arg(long, value_name = "PERIOD", default_value = "1m", value_parser = period)]
    period: Duration,

    /// Rules to search: all, or names such as sliding-window
    #[arg(long, value_name = "RULE", value_delimiter = ',', default_value = DEFAULT_RULES)]
    rule: Vec<RuleChoice>,

    /// Bursts to try instead of 1, 2, 5, 10, 20, 50, ...
    #[arg(long, value_name = "BURST", value_delimiter = ',')]
    burst: Vec<u64>,

    /// Amounts to try instead of all of at most two significant digits
    #[arg(long, value_name = "AMOUNT", value_delimiter = ',')]
    amount: Vec<u64>,

    /// How many requests are kept in memory, 36 bytes for each
    #[arg(long, value_name = "REQUESTS", default_value_t = 100_000_000)]
    max_requests: u64,

    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Folder that gets recommend.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Reads a period as quotas have it.
fn period(text: &str) -> Result<Duration, String> {
    let quota: Result<Quota, _> = format!("1/{text}").parse();
    quota
        .map(|quota| quota.period())
        .map_err(|error| error.to_string())
}

impl Command {
    /// Reads, searches, and prints the results.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, more than 1 % of the lines cannot be read, or
    /// results cannot be written.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let usage = Usage::start();
        let results = self.results()?;
        usage.tell(results.input.lines);
        let file = (self.out.as_deref(), "recommend.json");
        write::results(&results, text, self.json, file)
    }

    /// Reads and searches.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), except for the writing.
    pub fn results(&self) -> Result<RecommendResults, ReplayError> {
        let (trace, input) = self.trace()?;
        let search = self.search(&trace);
        let progress = Progress::of_steps(search.searches().len());
        let found = search.run(&trace, &progress);
        progress.finish();
        let key = self.input.key.to_string();
        Ok(RecommendResults::new(key, &trace, &search, &found, input))
    }

    /// Reads all requests into memory.
    fn trace(&self) -> Result<(Trace, InputTally), ReplayError> {
        let progress = Progress::over(&self.input.files);
        let mut merge = Merge::open(&self.input, &progress)?;
        let mut builder = TraceBuilder::default();
        while let Some(event) = merge.next()? {
            if builder.len() == self.max_requests {
                return Err(ReplayError::TooMany(self.max_requests));
            }
            builder.push(event);
        }
        progress.finish();
        let input = merge.tally().clone();
        input.check(self.input.allow_unreadable)?;
        match builder.len() {
            0 => Err(ReplayError::Empty),
            _ => Ok((builder.build(), input)),
        }
    }

    fn search(&self, trace: &Trace) -> Search {
        let or_grid = |set: &[u64], grid: fn(u64) -> Vec<u64>| match set {
            [] => grid(trace.largest_total()),
            set => set.to_vec(),
        };
        let mut amounts = or_grid(&self.amount, grid::amounts);
        amounts.sort_unstable();
        Search {
            rules: RuleChoice::rules(&self.rule),
            period: self.period,
            amounts,
            bursts: or_grid(&self.burst, grid::bursts),
            allowed: Allowed::of(trace, self.refuse_keys, self.refuse_requests),
        }
    }
}
