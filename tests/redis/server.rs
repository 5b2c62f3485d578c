//! A real `redis-server`, for as long as its value lives.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

const MISSING: &str = "redis-server is missing: install it with `apt-get install redis-server` \
                       or `brew install redis`, or let ./scripts/test do it";

/// A server without persistence on a free port of the loopback; killed when dropped.
pub(crate) struct Server {
    process: Child,
    port: u16,
    settings: Vec<String>,
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(&[])
    }

    /// A server with further settings, as on the command line of redis-server.
    pub(crate) fn with(settings: &[&str]) -> Self {
        let settings: Vec<_> = settings.iter().map(|said| said.to_string()).collect();
        // Another process may take the free port before the server does.
        let started = (0..20).find_map(|_| {
            let port = free_port();
            Some((port, launch(port, &settings)?))
        });
        let (port, process) = started.expect("a port that stays free");
        Self {
            process,
            port,
            settings,
        }
    }

    /// A server whose replicas synchronise at once.
    pub(crate) fn primary() -> Self {
        Self::with(&["--repl-diskless-sync-delay", "0"])
    }

    /// Returns a replica that has received all data.
    pub(crate) fn replica(&self) -> Self {
        let replica = Self::with(&["--replicaof", "127.0.0.1", &self.port.to_string()]);
        let mut client = replica.client();
        let linked = |client: &mut redis::Connection| {
            let info: String = redis::cmd("INFO")
                .arg("replication")
                .query(client)
                .expect("it is up");
            info.contains("master_link_status:up")
        };
        let limit = Instant::now() + Duration::from_secs(20);
        while !linked(&mut client) {
            assert!(Instant::now() < limit, "the replica finds no primary");
            thread::yield_now();
        }
        replica
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Returns a plain client, which shows what the server has.
    pub(crate) fn client(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).expect("a good address");
        client.get_connection().expect("the server is up")
    }

    /// Kills the server, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Starts the server again on the same port; empty, unless it has persistence.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = launch(self.port, &self.settings).expect("its port is still free");
    }

    /// Stops the process without closing its connections.
    pub(crate) fn stop(&self) {
        self.signal("-STOP");
    }

    pub(crate) fn go_on(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args([signal, &id]).status();
        assert!(sent.expect("kill is there").success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("it is bound").port()
}

/// Waits until the server is ready; `None` if it ends before.
fn launch(port: u16, settings: &[String]) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        // Otherwise a replica writes into the working directory.
        .args(["--repl-diskless-load", "swapdb"])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    let output = process.stdout.take().expect("it is piped");
    let mut lines = BufReader::new(output).lines().map_while(Result::ok);
    if !lines.any(|line| line.contains("Ready to accept connections")) {
        let _ = process.kill();
        let _ = process.wait();
        return None;
    }
    // A full pipe would stop the server; the thread ends with it.
    thread::spawn(move || lines.for_each(drop));
    Some(process)
}
