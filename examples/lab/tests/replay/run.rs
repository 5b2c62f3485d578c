//! Runs the program.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// How a run of the program ended.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) ok: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Run {
    /// Returns the JSON of a run that succeeded.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert!(self.ok, "{}", self.stderr);
        serde_json::from_str(&self.stdout).expect("JSON")
    }
}

/// Returns the program with these arguments.
pub(crate) fn lab(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command.args(args);
    command
}

/// Runs the program.
pub(crate) fn run(args: &[&str]) -> Run {
    run_with(args, b"")
}

/// Runs the program with this standard input.
pub(crate) fn run_with(args: &[&str], input: &[u8]) -> Run {
    let mut command = lab(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    // The program may end before it has read all.
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let Output {
        status,
        stdout,
        stderr,
    } = child.wait_with_output().expect("the program ends");
    let _ = writer.join();
    Run {
        ok: status.success(),
        stdout: String::from_utf8(stdout).expect("UTF-8"),
        stderr: String::from_utf8(stderr).expect("UTF-8"),
    }
}
