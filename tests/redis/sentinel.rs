//! A real sentinel.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    thread,
};

use crate::{scratch::Scratch, server::free_port};

/// A sentinel that needs no quorum, and knows the primary as `mymaster`. It is
/// killed when dropped.
pub(crate) struct Sentinel {
    process: Child,
    port: u16,
    _scratch: Scratch,
}

impl Sentinel {
    pub(crate) fn watching(primary: u16) -> Self {
        let scratch = Scratch::new();
        let port = free_port();
        let config = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\n\
             sentinel monitor mymaster 127.0.0.1 {primary} 1\n\
             sentinel down-after-milliseconds mymaster 500\n\
             sentinel failover-timeout mymaster 3000\n",
            scratch.path()
        );
        let mut process = Command::new("redis-server")
            .arg(scratch.file("sentinel.conf", &config))
            .arg("--sentinel")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("redis-server is there");
        let output = process.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        assert!(lines.any(|line| line.contains("+monitor master")));
        // A full pipe would stop it; the thread ends with it.
        thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            port,
            _scratch: scratch,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Promotes the replica; returns false if the sentinel sees none that is ready.
    pub(crate) fn fail_over(&self) -> bool {
        let client = redis::Client::open(self.url()).expect("a good address");
        let mut client = client.get_connection().expect("the sentinel is up");
        let mut order = redis::cmd("SENTINEL");
        order.arg("FAILOVER").arg("mymaster");
        order.exec(&mut client).is_ok()
    }
}

impl Drop for Sentinel {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
