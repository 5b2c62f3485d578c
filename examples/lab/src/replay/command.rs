//! `lab replay`: its flags, and the order of its work.

use std::{error::Error, path::PathBuf, thread};

use clap::{Args, builder::RangedU64ValueParser};
use sluicegate::clock::Tick;

use super::{
    error::ReplayError,
    input::{InputArgs, InputTally, Merge, Progress},
    play::{Outcome, PlaySettings, Players},
    policy::{Policy, RuleChoice, read_policy},
    results::{About, ReplayResults, summarize, text},
    usage::Usage,
    write,
};

/// Plays recorded traffic through the limits of your choice
#[derive(Clone, Debug, Args)]
#[command(after_help = "Example: lab replay access.log* --limit '100/1m burst 200' --rule all")]
pub struct Command {
    #[command(flatten)]
    input: InputArgs,

    /// Limit to play, such as '100/1m burst 200' or 'sliding-window 1000/h'
    #[arg(long = "limit", required = true, value_name = "LIMIT")]
    limits: Vec<String>,

    /// Rules for limits that name none: all, or names such as sliding-window
    #[arg(
        long,
        value_name = "RULE",
        value_delimiter = ',',
        default_value = "token-bucket"
    )]
    rule: Vec<RuleChoice>,

    /// Present limit, with which the others are compared
    #[arg(long, value_name = "LIMIT")]
    against: Option<String>,

    /// How many of the refused keys are listed
    #[arg(long, value_name = "KEYS", default_value_t = 5)]
    top: usize,

    /// How many keys are kept in memory
    #[arg(long, value_name = "KEYS", default_value_t = 1_000_000, value_parser = at_least_1())]
    max_keys: usize,

    /// Threads that play; one more reads
    #[arg(long, value_name = "THREADS", value_parser = at_least_1())]
    threads: Option<usize>,

    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,

    /// Folder that gets replay.json
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

fn at_least_1() -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(1..)
}

impl Command {
    /// Reads, plays, and prints the results.
    ///
    /// # Errors
    ///
    /// If a file or a limit cannot be read, more than 1 % of the lines cannot
    /// be read, or results cannot be written.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let usage = Usage::start();
        let results = self.results()?;
        usage.tell(results.input.lines);
        let file = (self.out.as_deref(), "replay.json");
        write::results(&results, text, self.json, file)
    }

    /// Reads and plays.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), except for the writing.
    pub fn results(&self) -> Result<ReplayResults, ReplayError> {
        let settings = self.settings()?;
        let progress = Progress::over(&self.input.files);
        let played = play(&self.input, &settings, &progress);
        progress.finish();
        let Played {
            outcome,
            first_us,
            last_us,
            input,
        } = played?;
        input.check(self.input.allow_unreadable)?;
        if outcome.requests == 0 {
            return Err(ReplayError::Empty);
        }
        let about = About {
            key: self.input.key.to_string(),
            first_us,
            last_us,
            input,
            top: self.top,
            has_old: settings.has_old,
        };
        Ok(summarize(outcome, &settings.policies, about))
    }

    fn settings(&self) -> Result<PlaySettings, ReplayError> {
        let rules = RuleChoice::rules(&self.rule);
        let mut policies = Vec::new();
        if let Some(old) = &self.against {
            let default = RuleChoice::rules(&["token-bucket".parse().expect("a rule")]);
            policies.extend(read_policy(old, &default)?);
        }
        for limit in &self.limits {
            let read = read_policy(limit, &rules)?.into_iter();
            policies.extend(read.filter(|policy| self.plays(policy)));
        }
        Ok(PlaySettings {
            policies,
            has_old: self.against.is_some(),
            max_keys: self.max_keys,
            threads: self.threads.unwrap_or_else(available_threads),
        })
    }
}

impl Command {
    /// Whether a policy is played. With `--rule all`, one whose rule cannot keep
    /// the quota is left out, and told; otherwise it is an error later.
    fn plays(&self, policy: &Policy) -> bool {
        let error = policy
            .error()
            .filter(|_| self.rule.contains(&RuleChoice::All));
        if let Some(error) = &error {
            eprintln!("left out: {policy}: {error}");
        }
        error.is_none()
    }
}

fn available_threads() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The result of reading and playing.
struct Played {
    outcome: Outcome,
    first_us: Tick,
    last_us: Tick,
    input: InputTally,
}

/// Reads in this thread, and plays in others.
fn play(
    args: &InputArgs,
    settings: &PlaySettings,
    progress: &Progress,
) -> Result<Played, ReplayError> {
    let mut players = Players::start(settings)?;
    let mut merge = Merge::open(args, progress)?;
    let (mut first, mut last_us) = (None, 0);
    while let Some(event) = merge.next()? {
        first.get_or_insert(event.at);
        last_us = event.at;
        players.play(event);
    }
    Ok(Played {
        outcome: players.finish(),
        first_us: first.unwrap_or(0),
        last_us,
        input: merge.tally().clone(),
    })
}
