//! A way to a server, on which answers get lost when asked to.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// It is there until the process ends.
pub(crate) struct Proxy {
    port: u16,
    losing: Arc<AtomicUsize>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Self {
            port: listener.local_addr().expect("it is bound").port(),
            losing: Arc::default(),
        };
        let losing = Arc::clone(&proxy.losing);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let losing = Arc::clone(&losing);
                thread::spawn(move || carry(&client, port, &losing));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// So many answers of scripts from now on are lost, each with its connection.
    pub(crate) fn lose(&self, answers: usize) {
        self.losing.store(answers, SeqCst);
    }

    /// How many are yet to be lost.
    pub(crate) fn losing(&self) -> usize {
        self.losing.load(SeqCst)
    }
}

fn carry(client: &TcpStream, port: u16, losing: &AtomicUsize) -> Option<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let asked = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pass(client, &server, |bytes| {
                let asks = bytes.windows(7).any(|word| word == b"EVALSHA");
                asked.fetch_or(asks, SeqCst);
                true
            })
        });
        pass(&server, client, |_| {
            let is_lost = asked.swap(false, SeqCst) && take(losing);
            !is_lost
        });
    });
    Some(())
}

fn take(losing: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    losing.fetch_update(SeqCst, SeqCst, one_less).is_ok()
}

/// Until one of them ends, or what comes is not to be passed on; then both end.
fn pass(from: &TcpStream, to: &TcpStream, passes: impl Fn(&[u8]) -> bool) {
    let (mut input, mut output) = (from, to);
    let mut bytes = [0; 65_536];
    while let Ok(length) = input.read(&mut bytes)
        && length > 0
        && passes(&bytes[..length])
        && output.write_all(&bytes[..length]).is_ok()
    {}
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}
