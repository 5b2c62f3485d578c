//! A member of the fleet: this test program, run once more.

use std::{
    env,
    fmt::Write,
    io,
    sync::Arc,
    time::{Duration, SystemTime},
};

use sluicegate::{
    clock::Tick,
    limit::{Decision, FailClosed, Redis, Rule, Scripted, Wait},
    redis::Connection,
};
use tokio::time::{Instant, sleep};

use super::{
    KEYS, MEMBER, Mode, fixed_window, meter, queue, seconds, sliding_log, sliding_window,
    token_bucket,
};

const TASKS: usize = 256;

/// How soon a client that was denied comes again, at the latest.
const AGAIN: Duration = Duration::from_millis(5);

/// By how much the clocks of two processes may differ, beside what is measured.
const JITTER: Tick = 1_000;

/// Returns at once, unless a fleet has started it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn member() {
    let Ok(orders) = env::var(MEMBER) else {
        return;
    };
    let orders: Vec<_> = orders.split(' ').collect();
    let [url, rule, mode] = orders[..] else {
        panic!("{orders:?}")
    };
    let mode = Mode::ALL[mode.parse::<usize>().unwrap()];
    match rule {
        "token-bucket" => take_part(url, mode, token_bucket(), None).await,
        "meter" => take_part(url, mode, meter(), None).await,
        "queue" => take_part(url, mode, queue(), None).await,
        "fixed-window" => take_part(url, mode, fixed_window(), None).await,
        "sliding-window" => {
            let rule = sliding_window();
            let width = rule.quota().period().as_micros() as Tick;
            take_part(url, mode, rule, Some(width)).await
        }
        "sliding-log" => take_part(url, mode, sliding_log(), None).await,
        _ => panic!("{rule}"),
    }
}

/// Asks for so long, and then tells what it was admitted.
async fn take_part<R: Scripted>(url: &str, mode: Mode, rule: R, width: Option<Tick>) {
    let connection = Connection::builder(url).timeout(Duration::from_secs(30));
    let connection = connection.connect().await.unwrap();
    let limiter = mode.build(Redis::builder("fleet", rule, &connection));
    let clock = Arc::new(Clock::of(url));
    println!("\nfleet ready");
    let started = io::stdin().read_line(&mut String::new()).unwrap();
    assert!(started > 0, "nobody is there to start it");
    let end = Instant::now() + Duration::from_secs(seconds());
    let tasks = (0..TASKS).map(|task| {
        let (limiter, clock) = (limiter.clone(), clock.clone());
        tokio::spawn(async move { ask(&limiter, &clock, task % KEYS, width, end).await })
    });
    let mut told = String::from("\n");
    for (task, ended) in tasks.collect::<Vec<_>>().into_iter().enumerate() {
        let Admitted {
            many,
            instants,
            unknown,
        } = ended.await.unwrap();
        let key = task % KEYS;
        writeln!(told, "fleet admitted {key} {many}").unwrap();
        writeln!(told, "fleet unknown {unknown}").unwrap();
        for at in instants {
            writeln!(told, "fleet at {key} {at}").unwrap();
        }
    }
    print!("{told}");
}

#[derive(Default)]
struct Admitted {
    many: u64,
    instants: Vec<Tick>,
    unknown: u64,
}

async fn ask<R: Scripted>(
    limiter: &Redis<R, FailClosed>,
    clock: &Clock,
    key: usize,
    width: Option<Tick>,
    end: Instant,
) -> Admitted {
    let key = key.to_string();
    let mut admitted = Admitted::default();
    while Instant::now() < end {
        let before = clock.now();
        let decision = limiter.until_ready(&key, 1, Wait::none()).await.unwrap();
        if decision.is_denied() {
            let again = decision.retry_after().expect("it passes some time");
            sleep(again.min(AGAIN)).await;
            continue;
        }
        admitted.many += 1;
        let Some(width) = width else { continue };
        match clock.instant(before, &decision, width) {
            Some(instant) => admitted.instants.push(instant),
            None => admitted.unknown += 1,
        }
    }
    admitted
}

/// The server's clock, as far as it is known here.
struct Clock {
    /// The lead of the server's clock, in two's complement.
    ahead: Tick,
    unsure: Tick,
}

impl Clock {
    fn of(url: &str) -> Self {
        let mut client = redis::Client::open(url).unwrap().get_connection().unwrap();
        let measured = (0..50).map(|_| {
            let before = ours();
            let time: (Tick, Tick) = redis::cmd("TIME").query(&mut client).unwrap();
            let trip = ours() - before;
            let server = time.0 * 1_000_000 + time.1;
            (trip, server.wrapping_sub(before + trip / 2))
        });
        let (trip, ahead) = measured.min_by_key(|(trip, _)| *trip).unwrap();
        Self {
            ahead,
            unsure: trip + JITTER,
        }
    }

    fn now(&self) -> Tick {
        ours().wrapping_add(self.ahead)
    }

    /// When the server decided: between `before` and now, and so long before
    /// the turn of a window as the decision says. `None` if there was more than
    /// one such instant.
    fn instant(&self, before: Tick, decision: &Decision, width: Tick) -> Option<Tick> {
        let (first, last) = (before - self.unsure, self.now() + self.unsure);
        let left = decision.reset_after().as_micros() as Tick % width;
        let turn = (first + left).next_multiple_of(width);
        let instant = turn - left;
        assert!(instant <= last, "it was decided at no time: {decision:?}");
        (instant + width > last).then_some(instant)
    }
}

fn ours() -> Tick {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.unwrap().as_micros() as Tick
}
