//! One side of a comparison: who is asked, and how.

use std::{
    ops::Range,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// Something that decides, over and over, and is expected to decide alike
/// every time: a limiter that denies half way is not what was to be measured.
pub(crate) struct Side {
    admits: bool,
    decide: Box<Decide>,
}

/// Makes the decisions of these steps, once the barrier opens; answers how many
/// were admissions, and from when to when it took.
type Decide = dyn Fn(Range<usize>, &Barrier) -> (usize, Range<Instant>) + Sync;

impl Side {
    /// Each thread has a clone of the `subject`, and asks it one step after the
    /// other whether it admits. It is expected to.
    pub(crate) fn admitting<S, A>(subject: S, ask: A) -> Self
    where
        S: Clone + Sync + 'static,
        A: Fn(&mut S, usize) -> bool + Sync + 'static,
    {
        Self::new(true, subject, ask)
    }

    /// The same, where nothing but denials is expected.
    pub(crate) fn denying<S, A>(subject: S, ask: A) -> Self
    where
        S: Clone + Sync + 'static,
        A: Fn(&mut S, usize) -> bool + Sync + 'static,
    {
        Self::new(false, subject, ask)
    }

    fn new<S, A>(admits: bool, subject: S, ask: A) -> Self
    where
        S: Clone + Sync + 'static,
        A: Fn(&mut S, usize) -> bool + Sync + 'static,
    {
        let decide = move |steps: Range<usize>, ready: &Barrier| {
            let mut subject = subject.clone();
            ready.wait();
            let begun = Instant::now();
            let admitted = steps.filter(|step| ask(&mut subject, *step)).count();
            (admitted, begun..Instant::now())
        };
        Self {
            admits,
            decide: Box::new(decide),
        }
    }

    /// How long `threads` take for `count` decisions each, from when the first
    /// begins to when the last is done. Each begins elsewhere in the order of
    /// keys, around `from`.
    pub(crate) fn time(&self, threads: usize, from: usize, count: usize) -> Duration {
        let ready = Barrier::new(threads);
        let decide = |thread: usize| {
            let from = from + thread * 1_234_567;
            self.checked((self.decide)(from..from + count, &ready), count)
        };
        if threads == 1 {
            let Range { start, end } = decide(0);
            return end - start;
        }
        let spans: Vec<_> = thread::scope(|scope| {
            let decide = &decide;
            let running: Vec<_> = (0..threads)
                .map(|thread| scope.spawn(move || decide(thread)))
                .collect();
            let spans = running.into_iter().map(|one| one.join().expect("decided"));
            spans.collect()
        });
        let begun = spans.iter().map(|span| span.start).min();
        let done = spans.iter().map(|span| span.end).max();
        done.expect("a thread") - begun.expect("a thread")
    }

    fn checked<T>(&self, (admitted, span): (usize, T), count: usize) -> T {
        let expected = if self.admits { count } else { 0 };
        assert_eq!(admitted, expected, "admissions in {count} decisions");
        span
    }
}
