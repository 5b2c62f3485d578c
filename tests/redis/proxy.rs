//! A proxy before a server that loses or repeats replies on demand.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
};

/// The proxy runs until the process ends.
pub(crate) struct Proxy {
    port: u16,
    faults: Arc<Faults>,
}

/// How many further replies to treat so.
#[derive(Default)]
struct Faults {
    losing: AtomicUsize,
    swallowing: AtomicUsize,
    repeating: AtomicUsize,
    /// The connections without replies, by the order in which they were made.
    stalled: Mutex<Vec<usize>>,
    changed: Condvar,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let proxy = Self {
            port: listener.local_addr().expect("it is bound").port(),
            faults: Arc::default(),
        };
        let faults = Arc::clone(&proxy.faults);
        thread::spawn(move || {
            for (nth, client) in listener.incoming().map_while(Result::ok).enumerate() {
                let faults = Arc::clone(&faults);
                thread::spawn(move || carry(nth, &client, port, &faults));
            }
        });
        proxy
    }

    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    /// Loses this many further replies of scripts, each with its connection.
    pub(crate) fn lose(&self, answers: usize) {
        self.faults.losing.store(answers, SeqCst);
    }

    /// Returns how many replies are still to be lost.
    pub(crate) fn losing(&self) -> usize {
        self.faults.losing.load(SeqCst)
    }

    /// Leaves out this many further replies; all others follow.
    pub(crate) fn swallow(&self, answers: usize) {
        self.faults.swallowing.store(answers, SeqCst);
    }

    /// Repeats this many further replies.
    pub(crate) fn repeat(&self, answers: usize) {
        self.faults.repeating.store(answers, SeqCst);
    }

    /// Stops all replies on these connections, by the order in which they were made,
    /// and on no others.
    pub(crate) fn stall(&self, connections: &[usize]) {
        *self.faults.stalled.lock().unwrap() = connections.to_vec();
        self.faults.changed.notify_all();
    }

    /// Whether all ordered faults have been made.
    pub(crate) fn is_done(&self) -> bool {
        let Faults {
            losing,
            swallowing,
            repeating,
            ..
        } = &*self.faults;
        let left = [losing, swallowing, repeating].map(|left| left.load(SeqCst));
        left == [0; 3]
    }
}

fn carry(nth: usize, client: &TcpStream, port: u16, faults: &Faults) -> Option<()> {
    let server = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let asked = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            pass(client, &server, |bytes| {
                let asks = bytes.windows(7).any(|word| word == b"EVALSHA");
                asked.fetch_or(asks, SeqCst);
                Some(bytes.to_vec())
            })
        });
        let mut unread = Vec::new();
        pass(&server, client, |bytes| {
            let is_lost = asked.swap(false, SeqCst) && take(&faults.losing);
            unread.extend_from_slice(bytes);
            faults.wait(nth);
            (!is_lost).then(|| faults.changed(&mut unread))
        });
    });
    Some(())
}

impl Faults {
    /// Waits until this connection does not stall.
    fn wait(&self, nth: usize) {
        let stalled = self.stalled.lock().unwrap();
        let stalls = |stalled: &mut Vec<usize>| stalled.contains(&nth);
        drop(self.changed.wait_while(stalled, stalls).unwrap());
    }

    /// The treatment of complete replies.
    fn changed(&self, unread: &mut Vec<u8>) -> Vec<u8> {
        let (mut passed, mut read) = (Vec::new(), 0);
        while let Some(length) = answer(&unread[read..]) {
            let answer = &unread[read..read + length];
            read += length;
            if take(&self.swallowing) {
                continue;
            }
            passed.extend_from_slice(answer);
            if take(&self.repeating) {
                passed.extend_from_slice(answer);
            }
        }
        unread.drain(..read);
        passed
    }
}

/// Returns the length of the first reply; `None` while it is incomplete.
fn answer(bytes: &[u8]) -> Option<usize> {
    let line = 2 + bytes.windows(2).position(|end| end == b"\r\n")?;
    let count = || {
        str::from_utf8(&bytes[1..line - 2])
            .ok()?
            .parse::<i64>()
            .ok()
    };
    let parts = match bytes[0] {
        b'$' | b'=' | b'!' => {
            let length = usize::try_from(count()?).map_or(0, |length| length + 2);
            return Some(line + length).filter(|whole| *whole <= bytes.len());
        }
        b'*' | b'~' | b'>' => count()?.max(0),
        b'%' => 2 * count()?,
        _ => 0,
    };
    (0..parts).try_fold(line, |read, _| Some(read + answer(&bytes[read..])?))
}

fn take(left: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    left.fetch_update(SeqCst, SeqCst, one_less).is_ok()
}

/// Copies until one side ends or a reply is to be lost; then both sides end.
fn pass(from: &TcpStream, to: &TcpStream, mut change: impl FnMut(&[u8]) -> Option<Vec<u8>>) {
    let (mut input, mut output) = (from, to);
    let mut bytes = [0; 65_536];
    while let Ok(length) = input.read(&mut bytes)
        && length > 0
        && let Some(passed) = change(&bytes[..length])
        && output.write_all(&passed).is_ok()
    {}
    for end in [from, to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}
