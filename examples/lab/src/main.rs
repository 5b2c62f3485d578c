//! The command line of the lab.

use std::{alloc::System, process::ExitCode};

use clap::Parser;
use lab::{compare, recommend, replay};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

/// Counts bytes, for the memory of limiters in `measured.json`.
#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Compares rate limiters on made-up traffic and on yours.
#[derive(Debug, Parser)]
#[command(name = "lab")]
enum Command {
    Compare(compare::Command),
    Replay(replay::Command),
    Recommend(recommend::Command),
    Generate(replay::generate::Command),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Compare(command) => command.run(),
        Command::Replay(command) => command.run(),
        Command::Recommend(command) => command.run(),
        Command::Generate(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}
