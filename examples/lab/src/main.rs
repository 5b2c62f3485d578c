//! The command line of the lab.

use std::process::ExitCode;

use clap::Parser;
use lab::{compare, replay};

/// Compares rate limiters on made-up traffic and on yours.
#[derive(Debug, Parser)]
#[command(name = "lab")]
enum Command {
    Compare(compare::Command),
    Replay(replay::Command),
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::Compare(command) => command.run(),
        Command::Replay(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("lab: {error}");
            ExitCode::FAILURE
        }
    }
}
