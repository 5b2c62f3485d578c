//! `lab compare`: its flags, and the order of its work.

use std::{error::Error, path::PathBuf};

use clap::Args;

/// Plays made-up traffic through every rule and its peers
#[derive(Debug, Args)]
pub struct Command {
    /// Folder that gets results.json, measured.json and report.html
    #[arg(long, value_name = "DIR", default_value = "lab-report")]
    out: PathBuf,

    /// Redis server in which the rules are played and measured, too
    #[arg(long, value_name = "URL")]
    redis: Option<String>,

    /// Start of the random numbers; the same seed gives the same results.json
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// Short traffic and a small grid of quotas
    #[arg(long)]
    quick: bool,

    /// Measure nothing, so that report.html depends on the seed alone
    #[arg(long)]
    no_measure: bool,
}

impl Command {
    /// Runs the comparison.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or the Redis server does not answer.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        std::fs::create_dir_all(&self.out)?;
        Ok(())
    }
}
