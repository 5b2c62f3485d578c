//! Processes of a fleet: this binary again, with one of its tests that takes
//! part and says in the end what it did.

use std::{
    env,
    io::Read,
    process::{Child, ChildStdout, Command, Stdio},
};

/// A process; killed when dropped, if it has not ended by itself.
pub(crate) struct Process(Child);

impl Process {
    /// Runs a test of this binary, which finds its orders in a variable.
    pub(crate) fn start(test: &str, variable: &str, orders: &str) -> Self {
        let mut command = Command::new(env::current_exe().expect("a test knows where it is"));
        command
            .args([test, "--exact", "--nocapture"])
            .env(variable, orders)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        Self(command.spawn().expect("a test can be run again"))
    }

    /// Returns its output, once.
    pub(crate) fn output(&mut self) -> ChildStdout {
        self.0.stdout.take().expect("it is piped")
    }

    /// Sends it a signal, such as `-STOP`.
    pub(crate) fn signal(&self, signal: &str) {
        let id = self.0.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success());
    }

    /// Ends it in the midst of what it does.
    pub(crate) fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// Waits for its end, and returns the numbers of its line `told ...`.
    pub(crate) fn told<const N: usize>(mut self) -> [u64; N] {
        let mut output = String::new();
        let mut pipe = self.output();
        pipe.read_to_string(&mut output).expect("it is text");
        let line = output.lines().find_map(|line| line.strip_prefix("told "));
        let numbers = line.unwrap_or_else(|| panic!("{output}")).split(' ');
        let numbers: Vec<u64> = numbers.map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap_or_else(|_| panic!("{output}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
