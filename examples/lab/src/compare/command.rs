//! `lab compare`: its flags, and the order of its work.

use std::{
    error::Error,
    fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{grid::simulate, measure::measure, table::table, traffic::Scale};
use crate::{
    replay::{ReplayError, write},
    report,
    results::Measured,
};

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
    /// Runs the comparison, writes its files, and prints a table.
    ///
    /// # Errors
    ///
    /// If a file cannot be written, or the Redis server does not answer.
    pub fn run(self) -> Result<(), Box<dyn Error>> {
        let scale = match self.quick {
            true => Scale::Quick,
            false => Scale::Full,
        };
        tell("simulating traffic");
        let results = simulate(self.seed, scale);
        write(&self.out, "results.json", &results)?;
        // One of an earlier run would not belong to the page.
        _ = fs::remove_file(self.out.join("measured.json"));
        let measured = match self.no_measure {
            true => None,
            false => Some(self.measure(scale)?),
        };
        if let Some(measured) = &measured {
            write(&self.out, "measured.json", measured)?;
        }
        let page = self.out.join("report.html");
        report::write(&self.out, &results, measured.as_ref())
            .map_err(|error| ReplayError::Write(page.clone(), error))?;
        let text = format!(
            "{}\nThe page with plots: {}\n",
            table(&results),
            page.display()
        );
        // A closed stdout does not stop the files from being written.
        _ = io::stdout().write_all(text.as_bytes());
        Ok(())
    }
}

impl Command {
    fn measure(&self, scale: Scale) -> Result<Measured, Box<dyn Error>> {
        tell("measuring decisions");
        measure(self.seed, scale, self.redis.as_deref())
    }
}

/// Tells the stage of the work on a terminal. A bar that moves by itself would
/// disturb the measurements.
fn tell(stage: &str) {
    if io::stderr().is_terminal() {
        eprintln!("{stage} ...");
    }
}

/// Writes a value as one line of JSON.
fn write(folder: &Path, name: &str, value: &impl Serialize) -> Result<(), Box<dyn Error>> {
    Ok(write::file(
        folder,
        name,
        &(serde_json::to_string(value)? + "\n"),
    )?)
}
