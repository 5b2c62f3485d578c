//! Compares two sides in turn, so that other load of the machine slows down both.

use std::{env, fmt, time::Duration};

use super::side::Side;

/// A Markdown table of comparisons. Words on the command line choose the rows that
/// contain any of them.
pub(crate) struct Report {
    wanted: Vec<String>,
}

/// A comparison of two sides.
pub(crate) struct Pair<'a> {
    pub(crate) what: &'a str,
    pub(crate) against: &'a str,
    /// The number of threads.
    pub(crate) threads: usize,
    /// The target for the ratio, if there is one.
    pub(crate) target: Option<f64>,
    /// The least time of a turn.
    pub(crate) turn: Duration,
    /// The number of turns of each side.
    pub(crate) rounds: usize,
    /// The part that both sides contain; its time is subtracted from theirs.
    pub(crate) bare: Option<fn() -> Side>,
}

impl Report {
    /// Writes the head of the table.
    pub(crate) fn begin() -> Self {
        println!("| what | ns | against | ns | ratio, median (quartiles) | target |");
        println!("|---|---|---|---|---|---|");
        let words = env::args().skip(1);
        Self {
            wanted: words.filter(|word| !word.starts_with('-')).collect(),
        }
    }

    /// Writes a row if it is chosen; otherwise its sides are not built.
    pub(crate) fn row(&self, pair: Pair<'_>, sides: impl FnOnce() -> (Side, Side)) {
        if self.wants(&pair) {
            println!("{}", pair.compare(sides()));
        }
    }

    fn wants(&self, pair: &Pair<'_>) -> bool {
        let name = format!("{} against {}", pair.what, pair.against);
        let wanted = |word: &String| name.contains(word.as_str());
        self.wanted.is_empty() || self.wanted.iter().any(wanted)
    }
}

impl Report {
    /// Writes a row that compares one side with two threads and with one.
    pub(crate) fn row_of_threads(&self, pair: Pair<'_>, side: fn() -> Side) {
        let pair = pair.long(Duration::from_millis(10));
        if self.wants(&pair) {
            println!("{}", pair.compare_threads(&side()));
        }
    }
}

impl<'a> Pair<'a> {
    /// One thread, no target, and many turns so short that most are undisturbed.
    pub(crate) fn new(what: &'a str, against: &'a str) -> Self {
        Self {
            what,
            against,
            threads: 1,
            target: None,
            turn: Duration::from_millis(1),
            rounds: 201,
            bare: None,
        }
    }

    /// Turns long enough for threads to contend, or for caches to fill.
    pub(crate) fn long(self, turn: Duration) -> Self {
        let rounds = 21;
        Self {
            turn,
            rounds,
            ..self
        }
    }

    fn compare(self, (left, right): (Side, Side)) -> Row<'a> {
        let count = self.enough(&left).max(self.enough(&right));
        let bare = self.bare.map(|make| make());
        let rounds = (0..self.rounds).map(|round| {
            let bare = bare.as_ref();
            let bare = bare.map_or(0.0, |bare| self.time(bare, round, count));
            let (left, right) = self.round(round, count, &left, &right);
            (left - bare, right - bare)
        });
        Row::of(rounds.collect(), self)
    }

    /// Subtracts the bare side of two threads, which share it too.
    fn compare_threads(self, side: &Side) -> Row<'a> {
        let count = self.enough(side);
        let bare = self.bare.map(|make| make());
        let rounds = (0..self.rounds).map(|round| {
            let [one, two] = [1, 2].map(|threads| {
                let pair = Pair { threads, ..self };
                let bare = bare.as_ref();
                let bare = bare.map_or(0.0, |bare| pair.time(bare, round, count));
                pair.time(side, round, count) - bare
            });
            (two, one)
        });
        Row::of(rounds.collect(), self)
    }

    /// Returns the number of decisions in a turn.
    fn enough(&self, side: &Side) -> usize {
        let mut count = 1_000;
        while side.time(self.threads, 0, count) < self.turn {
            count *= 2;
        }
        count
    }

    /// Returns nanoseconds per decision, in each thread.
    fn time(&self, side: &Side, round: usize, count: usize) -> f64 {
        let time = side.time(self.threads, round * count, count);
        time.as_nanos() as f64 / count as f64
    }

    /// Returns the same for both sides, which take turns at going first.
    fn round(&self, round: usize, count: usize, left: &Side, right: &Side) -> (f64, f64) {
        let time = |side: &Side| self.time(side, round, count);
        if round.is_multiple_of(2) {
            let left = time(left);
            (left, time(right))
        } else {
            let right = time(right);
            (time(left), right)
        }
    }
}

struct Row<'a> {
    pair: Pair<'a>,
    left: f64,
    right: f64,
    ratios: [f64; 3],
}

impl<'a> Row<'a> {
    /// The ratio of nanoseconds in each round.
    fn of(rounds: Vec<(f64, f64)>, pair: Pair<'a>) -> Self {
        Self {
            ratios: quartiles(rounds.iter().map(|(left, right)| left / right)),
            left: quartiles(rounds.iter().map(|(left, _)| *left))[1],
            right: quartiles(rounds.iter().map(|(_, right)| *right))[1],
            pair,
        }
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pair { what, against, .. } = self.pair;
        let [low, ratio, high] = self.ratios;
        write!(
            f,
            "| {what} | {:.1} | {against} | {:.1} ",
            self.left, self.right
        )?;
        write!(f, "| {ratio:.2} ({low:.2} to {high:.2}) ")?;
        match self.pair.target {
            Some(target) if ratio > target => write!(f, "| {target:.2}: missed |"),
            Some(target) => write!(f, "| {target:.2} |"),
            None => write!(f, "| |"),
        }
    }
}

pub(crate) fn quartiles(numbers: impl Iterator<Item = f64>) -> [f64; 3] {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    [1, 2, 3].map(|quarter| numbers[(numbers.len() - 1) * quarter / 4])
}
