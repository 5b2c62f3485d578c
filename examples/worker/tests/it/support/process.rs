//! A worker in a process of its own.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread,
};

use super::folder::Folder;

/// The process. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Worker {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Worker {
    /// Starts a worker with its files in this folder, and waits until it listens.
    pub(crate) fn start(folder: &Folder, flags: &[&str]) -> Self {
        Self::start_on(&folder.sqlite(), folder, flags)
    }

    /// Starts a worker on this database.
    pub(crate) fn start_on(database: &str, folder: &Folder, flags: &[&str]) -> Self {
        let marks = format!("durable:{}", folder.path().join("marks").display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_worker"));
        command.args(["--listen", "127.0.0.1:0", "--database", database]);
        command.arg("--provider-books").arg(folder.provider_books());
        if !flags.contains(&"--marks") {
            command.args(["--marks", &marks]);
        }
        // Dead letters are expected here.
        command.args(flags).env("RUST_LOG", "error");
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let address = listening(stdout);
        Self { child, address }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &pid]).status();
        assert!(sent.unwrap().success());
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ended(mut self) -> ExitStatus {
        let wait = tokio::task::spawn_blocking(move || self.child.wait());
        wait.await.unwrap().unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the address of the greeting. All further lines are read, too, because a
/// pipe that is full would stop the worker.
fn listening(stdout: ChildStdout) -> SocketAddr {
    let mut lines = BufReader::new(stdout).lines();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
        let address = line.split("http://").nth(1)?.split(',').next()?;
        address.parse().ok()
    });
    thread::spawn(move || lines.map_while(Result::ok).for_each(drop));
    address.expect("the worker prints its address")
}
