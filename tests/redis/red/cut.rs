//! A way to a server on which answers get lost.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

use crate::server::Server;

/// Passes everything on, but for the answers that it is told to lose: their
/// connections end instead.
pub(super) struct Cut {
    port: u16,
    to_lose: Arc<AtomicUsize>,
}

impl Cut {
    pub(super) fn before(server: &Server) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let cut = Self {
            port: listener.local_addr().expect("it is bound").port(),
            to_lose: Arc::default(),
        };
        let (server, to_lose) = (server.port(), Arc::clone(&cut.to_lose));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Without a server, clients are turned away.
                if let Ok(server) = TcpStream::connect(("127.0.0.1", server)) {
                    join(client, server, &to_lose);
                }
            }
        });
        cut
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// The next answers, so many.
    pub(super) fn lose(&self, answers: usize) {
        self.to_lose.store(answers, SeqCst);
    }
}

fn join(client: TcpStream, server: TcpStream, to_lose: &Arc<AtomicUsize>) {
    let ends = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let to_lose = Arc::clone(to_lose);
    thread::spawn(move || pass(ends.0, ends.1, || false));
    thread::spawn(move || {
        let one_less = |left: usize| left.checked_sub(1);
        pass(server, client, || {
            to_lose.fetch_update(SeqCst, SeqCst, one_less).is_ok()
        });
    });
}

/// Until one of them ends, or something is lost; then both end.
fn pass(mut from: TcpStream, mut to: TcpStream, mut lose: impl FnMut() -> bool) {
    let mut bytes = vec![0; 1 << 16];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        if lose() || to.write_all(&bytes[..read]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
