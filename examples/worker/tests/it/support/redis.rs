//! A server of Redis that keeps nothing on disk.

use std::{
    net::TcpStream,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use super::free_port;

/// The server. It is killed when it is dropped.
#[derive(Debug)]
pub(crate) struct Redis {
    child: Child,
    port: u16,
}

impl Redis {
    /// Starts a server on a free port, and waits until it listens.
    pub(crate) fn start() -> Self {
        let port = free_port();
        let mut server = Command::new("redis-server");
        server.args(["--save", "", "--port", &port.to_string()]);
        let child = server.stdout(Stdio::null()).spawn();
        let child = child.expect("redis-server is missing: install it, as scripts/test does");
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            thread::sleep(Duration::from_millis(10));
        }
        Self { child, port }
    }

    /// Returns its address.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
