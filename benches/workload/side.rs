//! One side of a comparison: a limiter, and how it is called.

use std::{
    ops::Range,
    sync::Barrier,
    thread,
    time::{Duration, Instant},
};

/// A limiter that is expected to make the same decision every time: if it denied half of
/// the requests, the measurement would be invalid.
pub(crate) struct Side {
    admits: bool,
    decide: Box<Decide>,
}

/// Makes the decisions of these steps after the barrier opens. Returns the number of
/// admissions, the start and the end.
type Decide = dyn Fn(Range<usize>, &Barrier) -> (usize, Range<Instant>) + Sync;

impl Side {
    /// Each thread has a clone of the `subject`, and calls it for one step after the
    /// other. It must admit every request.
    pub(crate) fn admitting<S, A>(subject: S, ask: A) -> Self
    where
        S: Clone + Sync + 'static,
        A: Fn(&mut S, usize) -> bool + Sync + 'static,
    {
        Self::new(true, subject, ask)
    }

    /// The same for a subject that must deny every request.
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

    /// Returns how long `threads` take for `count` decisions each, from the start of the
    /// first to the end of the last. Each starts at another step, around `from`.
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
