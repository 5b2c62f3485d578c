//! Four processes, each with 256 tasks, on shared keys: not even one request too
//! many is admitted.
//!
//! The admissions and their instants are known exactly, although no reply has
//! them. The server writes down every state of a bucket: how far from whole it
//! was at which instant, how much was counted in which window, what was logged
//! when. Only of a sliding window the instants are missing there. But an
//! admission's `reset_after` is the time to its window's turn or to the one after
//! it: only one of the possible instants fits it. The rule then checks them
//! again: a denial means that one was too many.
//!
//! `SLUICEGATE_FLEET_SECONDS` sets how long each rule runs.

mod ledger;
mod member;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use sluicegate::{
    clock::Tick,
    limit::{
        FailClosed, FixedWindow, LeakyBucket, Quota, Redis, RedisBuilder, Rule, Scripted,
        SlidingLog, SlidingWindow, TokenBucket,
    },
};

use self::ledger::Ledger;
use crate::{connection::builder, server::Server};

const MEMBERS: usize = 4;

const KEYS: usize = 4;

/// Longer than any run takes to say something.
const HANGS: Duration = Duration::from_secs(60);

/// Has this process take part: the server's address, the rule and the mode.
const MEMBER: &str = "SLUICEGATE_FLEET_MEMBER";

/// How the limiters of a fleet are built.
#[derive(Clone, Copy)]
enum Mode {
    Coalesced,
    CallEach,
}

impl Mode {
    const ALL: [Self; 2] = [Self::Coalesced, Self::CallEach];

    fn build<R: Scripted>(self, builder: RedisBuilder<R>) -> Redis<R, FailClosed> {
        match self {
            Self::Coalesced => builder.build(FailClosed),
            Self::CallEach => builder.coalesce(false).build(FailClosed),
        }
    }
}

fn token_bucket() -> TokenBucket {
    TokenBucket::new(Quota::per_second(1_000).burst(500))
}

fn meter() -> LeakyBucket {
    LeakyBucket::meter(Quota::per_second(1_000).burst(500))
}

/// Too short for all tasks.
fn queue() -> LeakyBucket {
    LeakyBucket::new(Quota::per_second(1_000).burst(200))
}

/// 1,000 a second.
fn every(millis: u64) -> Quota {
    Quota::new(millis, Duration::from_millis(millis)).unwrap()
}

fn fixed_window() -> FixedWindow {
    FixedWindow::new(every(250))
}

/// Wider, so that it takes longer until an instant cannot be told.
fn sliding_window() -> SlidingWindow {
    SlidingWindow::new(every(500))
}

fn sliding_log() -> SlidingLog {
    SlidingLog::new(every(250))
}

fn seconds() -> u64 {
    let said = env::var("SLUICEGATE_FLEET_SECONDS").ok();
    said.map_or(2, |said| said.parse().expect("whole seconds"))
}

fn bucket(key: usize) -> String {
    format!("sluicegate:{{fleet:{key}}}")
}

/// The processes; killed when dropped, if they have not ended by themselves.
struct Fleet {
    ledger: Ledger,
    members: Vec<Child>,
    starts: Vec<ChildStdin>,
    lines: Receiver<String>,
}

/// The messages of the members.
#[derive(Default)]
struct Report {
    /// By key.
    admitted: [u64; KEYS],
    instants: [Vec<Tick>; KEYS],
    /// Those of which the instant cannot be told.
    unknown: u64,
}

impl Fleet {
    /// All are ready when it returns, and wait for the start.
    fn gather(rule: &str, mode: Mode) -> Self {
        let ledger = Ledger::start();
        let (sender, lines) = channel();
        let (mut members, mut starts) = (Vec::new(), Vec::new());
        for _ in 0..MEMBERS {
            let mut member = Command::new(env::current_exe().expect("a test knows where it is"))
                .args(["fleet::member::member", "--exact", "--nocapture"])
                .env(
                    MEMBER,
                    format!("{} {rule} {}", ledger.server.url(), mode as usize),
                )
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("a test can be run again");
            starts.push(member.stdin.take().expect("it is piped"));
            let output = BufReader::new(member.stdout.take().expect("it is piped"));
            members.push(member);
            let sender = sender.clone();
            thread::spawn(move || {
                let lines = output.lines().map_while(Result::ok);
                lines.for_each(|line| _ = sender.send(line));
            });
        }
        let fleet = Self {
            ledger,
            members,
            starts,
            lines,
        };
        let mut lines = std::iter::from_fn(|| fleet.lines.recv_timeout(HANGS).ok());
        let ready = lines.by_ref().filter(|line| line == "fleet ready");
        assert_eq!(ready.take(MEMBERS).count(), MEMBERS);
        fleet
    }

    /// Has them run until they end.
    fn run(&mut self) -> Report {
        for start in &mut self.starts {
            start.write_all(b"go\n").expect("it waits for this");
        }
        let mut report = Report::default();
        let patience = HANGS + Duration::from_secs(seconds());
        loop {
            match self.lines.recv_timeout(patience) {
                Ok(line) => report.read(&line),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("a member hangs"),
            }
        }
        for member in &mut self.members {
            assert!(member.wait().expect("it has ended").success());
        }
        report
    }

    /// By key.
    fn states(&self, command: &str) -> [Vec<Vec<u64>>; KEYS] {
        std::array::from_fn(|key| self.ledger.states(command, &bucket(key)))
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
            let _ = member.wait();
        }
    }
}

impl Report {
    fn read(&mut self, line: &str) {
        let words: Vec<_> = line.split(' ').collect();
        let number = |word: &str| word.parse::<u64>().unwrap();
        match words[..] {
            ["fleet", "admitted", key, many] => self.admitted[number(key) as usize] += number(many),
            ["fleet", "at", key, at] => self.instants[number(key) as usize].push(number(at)),
            ["fleet", "unknown", many] => self.unknown += number(many),
            _ => {}
        }
    }
}

/// That the rule would admit each of them, one after the other.
fn replay<R: Rule>(rule: &R, mut instants: Vec<Tick>) {
    instants.sort_unstable();
    let mut state = R::State::default();
    for at in instants {
        let decision = rule.decide(&mut state, at, 1);
        assert!(decision.is_admitted(), "one too many at {at}: {state:?}");
    }
}

/// Checks that everything admitted was charged, and that every key had some.
/// How much the fleet gets through depends on the machine, so it is printed and
/// not asserted.
fn is_right(name: &str, admitted: &[u64; KEYS], charged: [u64; KEYS]) {
    println!("{name}: {admitted:?} of {charged:?}");
    for (admitted, charged) in admitted.iter().zip(charged) {
        assert!(*admitted <= charged, "{name}: {admitted} of {charged}");
        assert!(*admitted > 0, "{name}: none of {charged}");
    }
}

/// A bucket loses no more than comes back. The first to come takes all, so that
/// nothing flows over until the fleet is there.
///
/// Measured: what was admitted is equal to the bound, to the last token.
fn buckets<R: Scripted>(name: &str, rule: R) {
    for mode in Mode::ALL {
        let mut fleet = Fleet::gather(name, mode);
        take_all(&fleet.ledger.server, &rule);
        let report = fleet.run();
        let lost = fleet.states("SET").map(|states| ledger::lost(&states));
        is_right(name, &report.admitted, lost);
    }
}

fn take_all<R: Scripted>(server: &Server, rule: &R) {
    let most = rule.decide(&mut R::State::default(), 1, 0).limit();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let connection = builder(server.url()).connect().await.unwrap();
        let limiter = Redis::new("fleet", rule.clone(), &connection, FailClosed);
        for key in 0..KEYS {
            let taken = limiter.check(&key.to_string(), most).await.unwrap();
            assert!(taken.is_admitted());
        }
    });
}

#[test]
fn no_token_bucket_admits_one_too_many() {
    buckets("token-bucket", token_bucket());
}

#[test]
fn no_meter_admits_one_too_many() {
    buckets("meter", meter());
}

#[test]
fn no_queue_admits_one_too_many() {
    buckets("queue", queue());
}

/// Measured: what was admitted is equal to the bound.
#[test]
fn no_fixed_window_admits_one_too_many() {
    for mode in Mode::ALL {
        let mut fleet = Fleet::gather("fixed-window", mode);
        let report = fleet.run();
        let counts = fleet.states("SET").map(|states| ledger::windows(&states));
        for (window, count) in counts.iter().flatten() {
            assert!(*count <= 250, "{count} in window {window}");
        }
        let charged = counts.map(|counts| counts.values().sum());
        is_right("fixed window", &report.admitted, charged);
    }
}

/// Measured: what was admitted is equal to the bound.
#[test]
fn no_sliding_log_admits_one_too_many() {
    for mode in Mode::ALL {
        let mut fleet = Fleet::gather("sliding-log", mode);
        let report = fleet.run();
        let logs = fleet.states("RPUSH").map(|states| ledger::log(&states));
        let charged = logs.each_ref().map(|log| log.values().sum());
        is_right("sliding log", &report.admitted, charged);
        for log in logs {
            let most = ledger::busiest(&log, 250_000);
            assert!(most <= 250, "{most} in less than a period");
        }
    }
}

/// On an idle machine the instant of every admission is known, so the bound is
/// exact. An admission that took longer than a window has no known instant and is
/// left out of the replay; how many did is printed.
#[test]
fn no_sliding_window_admits_one_too_many() {
    for mode in Mode::ALL {
        let mut fleet = Fleet::gather("sliding-window", mode);
        let report = fleet.run();
        let counts = fleet.states("SET").map(|states| ledger::windows(&states));
        let charged = counts.map(|counts| counts.values().sum());
        is_right("sliding window", &report.admitted, charged);
        println!("sliding window: {} unknown", report.unknown);
        for instants in report.instants {
            replay(&sliding_window(), instants);
        }
    }
}
