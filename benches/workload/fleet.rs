//! Compares two ways to call a Redis server, in turn, so that other load of the machine
//! slows down both.

use std::{
    env,
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::runtime::Runtime;

/// The length of a turn.
const TURN: Duration = Duration::from_millis(600);

/// The number of turns of each side.
const ROUNDS: usize = 7;

/// One way to call the server.
#[derive(Clone)]
pub(crate) struct Side(Arc<Ask>);

type Ask = dyn Fn(usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync;

/// A comparison.
pub(crate) struct Row<'a> {
    what: &'a str,
    against: &'a str,
    callers: usize,
    targets: [f64; 2],
}

/// The result of one turn.
struct Turn {
    decisions: f64,
    seconds: f64,
    cpu: f64,
    commands: f64,
    median: f64,
    slow: f64,
}

/// A Markdown table of comparisons.
pub(crate) struct Bench<'a> {
    runtime: &'a Runtime,
    server: std::cell::RefCell<redis::Connection>,
    wanted: Vec<String>,
}

impl Side {
    pub(crate) fn new(
        ask: impl Fn(usize) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(ask))
    }
}

impl<'a> Row<'a> {
    pub(crate) fn new(what: &'a str, against: &'a str, callers: usize) -> Self {
        Self {
            what,
            against,
            callers,
            targets: [f64::NAN; 2],
        }
    }

    /// The targets: at least these decisions per second, and at most this CPU.
    pub(crate) fn targets(self, targets: [f64; 2]) -> Self {
        Self { targets, ..self }
    }
}

impl<'a> Bench<'a> {
    pub(crate) fn begin(runtime: &'a Runtime, server: redis::Connection) -> Self {
        println!("| what | against | decisions/s | server CPU each | commands each | p50 | p99 |");
        println!("|---|---|---|---|---|---|---|");
        let words = env::args().skip(1);
        let wanted = words.filter(|word| !word.starts_with('-')).collect();
        Self {
            runtime,
            server: server.into(),
            wanted,
        }
    }

    pub(crate) fn row(&self, row: Row<'_>, sides: impl FnOnce() -> (Side, Side)) {
        let title = format!("{} against {}", row.what, row.against);
        if !self.wanted.is_empty() && !self.wanted.iter().any(|word| title.contains(word)) {
            return;
        }
        let (ours, theirs) = sides();
        // Fills the buckets, and the caches of both sides.
        self.turn(&ours, row.callers);
        self.turn(&theirs, row.callers);
        let rounds: Vec<_> = (0..ROUNDS)
            .map(|_| {
                (
                    self.turn(&ours, row.callers),
                    self.turn(&theirs, row.callers),
                )
            })
            .collect();
        print_row(&row, &rounds);
    }

    /// Each caller makes one call after the other.
    fn turn(&self, side: &Side, callers: usize) -> Turn {
        let (cpu, commands) = self.server_now();
        let begun = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|caller| self.runtime.spawn(ask(side.clone(), caller, begun + TURN)))
            .collect();
        let asked = tasks
            .into_iter()
            .flat_map(|task| self.runtime.block_on(task).expect("no panic"));
        let mut latencies: Vec<Duration> = asked.collect();
        let seconds = begun.elapsed().as_secs_f64();
        let (cpu_after, commands_after) = self.server_now();
        latencies.sort_unstable();
        let at =
            |share: f64| latencies[((latencies.len() - 1) as f64 * share) as usize].as_secs_f64();
        let decisions = latencies.len() as f64;
        Turn {
            decisions,
            seconds,
            cpu: (cpu_after - cpu) / decisions,
            commands: (commands_after - commands) / decisions,
            median: at(0.5),
            slow: at(0.99),
        }
    }

    /// Returns the CPU seconds of the main thread, and the number of scripts run.
    fn server_now(&self) -> (f64, f64) {
        let mut server = self.server.borrow_mut();
        let mut info = |section: &str| -> String {
            let info = redis::cmd("INFO").arg(section).query(&mut *server);
            info.expect("the server replies")
        };
        let (cpu, commands) = (info("cpu"), info("commandstats"));
        let user = number(&cpu, "used_cpu_user_main_thread:");
        let system = number(&cpu, "used_cpu_sys_main_thread:");
        let called =
            number(&commands, "cmdstat_evalsha:calls=") + number(&commands, "cmdstat_eval:calls=");
        (user + system, called)
    }
}

async fn ask(side: Side, caller: usize, until: Instant) -> Vec<Duration> {
    let mut latencies = Vec::with_capacity(1 << 14);
    let mut step = caller * 7_919;
    loop {
        let begun = Instant::now();
        if begun >= until {
            return latencies;
        }
        (side.0)(step).await;
        latencies.push(begun.elapsed());
        step += 1;
        // A call that is ready at once would not let the other callers run.
        if step.is_multiple_of(64) {
            tokio::task::yield_now().await;
        }
    }
}

fn number(info: &str, name: &str) -> f64 {
    let line = info.lines().find_map(|line| line.strip_prefix(name));
    let text = line.unwrap_or("0");
    let end = text
        .find(|c: char| c != '.' && !c.is_ascii_digit())
        .unwrap_or(text.len());
    text[..end].parse().expect("a number")
}

fn print_row(row: &Row<'_>, rounds: &[(Turn, Turn)]) {
    let ratio =
        |of: fn(&Turn) -> f64| median(rounds.iter().map(|(ours, theirs)| of(ours) / of(theirs)));
    let ours = |of: fn(&Turn) -> f64| median(rounds.iter().map(|(ours, _)| of(ours)));
    let rate: fn(&Turn) -> f64 = |turn| turn.decisions / turn.seconds;
    let [faster, cpu] = row.targets;
    println!(
        "| {} | {} | {:.0} = {:.2}x{} | {:.2} us = {:.3}x{} | {:.4} | {:.0} us = {:.2}x | {:.0} us = {:.2}x |",
        row.what,
        row.against,
        ours(rate),
        ratio(rate),
        target("at least", faster),
        ours(|turn| turn.cpu) * 1e6,
        ratio(|turn| turn.cpu),
        target("at most", cpu),
        ours(|turn| turn.commands),
        ours(|turn| turn.median) * 1e6,
        ratio(|turn| turn.median),
        ours(|turn| turn.slow) * 1e6,
        ratio(|turn| turn.slow),
    );
}

fn target(bound: &str, target: f64) -> String {
    if target.is_nan() {
        String::new()
    } else {
        format!(" ({bound} {target})")
    }
}

fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
