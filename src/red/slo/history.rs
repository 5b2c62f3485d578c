//! The history of an objective: its counts at earlier times. Each tracked
//! objective keeps one.

use std::{collections::VecDeque, time::Duration};

use super::events::Events;
use crate::clock::{Tick, ticks};

/// A second in ticks.
const SECOND: Tick = 1_000_000;
/// An hour in ticks.
const HOUR: Tick = 3_600 * SECOND;

/// The least time between two samples.
pub(crate) const STEP: Tick = 10 * SECOND;

/// The counts of an objective at earlier times, the more recent the finer:
/// every 10 seconds for the last hour, every 5 minutes for the last 3 days, and
/// every hour for the period. For 30 days that takes about 46 KiB.
#[derive(Debug)]
pub(crate) struct History {
    levels: [SampleLevel; 3],
}

/// Samples that are at least a step apart, over a span that ends now.
#[derive(Debug)]
struct SampleLevel {
    /// The least time between two samples.
    step: Tick,
    /// How far back the samples reach.
    span: Tick,
    /// Never empty. One more than the span needs, at which its counts begin.
    samples: VecDeque<SamplePoint>,
}

/// The counts at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SamplePoint {
    at: Tick,
    /// All events since the registry was built.
    events: Events,
}

impl History {
    /// Returns a history that begins without any events.
    pub(crate) fn new(began: Tick, period: Duration) -> Self {
        let level = |step, span| SampleLevel::new(began, step, span);
        Self {
            levels: [
                level(STEP, HOUR),
                level(300 * SECOND, 72 * HOUR),
                level(HOUR, ticks(period)),
            ],
        }
    }

    /// Adds a sample. The counts have been the same since `from`.
    pub(crate) fn note(&mut self, from: Tick, now: Tick, events: Events) {
        for level in &mut self.levels {
            level.note(from, now, events);
        }
    }

    /// Returns the events of the last `window`, and the time that they really
    /// cover.
    pub(crate) fn within(&self, window: Duration, now: Tick, events: Events) -> (Events, Duration) {
        let window = ticks(window);
        let [.., coarsest] = &self.levels;
        let level = self.levels.iter().find(|level| level.span >= window);
        let begin = level.unwrap_or(coarsest).at(now.saturating_sub(window));
        let covered = Duration::from_micros(now.saturating_sub(begin.at));
        (events.since(&begin.events), covered)
    }
}

impl SampleLevel {
    /// Returns a level with one sample, of no events.
    fn new(began: Tick, step: Tick, span: Tick) -> Self {
        let room = usize::try_from(span / step + 2).unwrap_or(usize::MAX);
        let mut samples = VecDeque::with_capacity(room);
        let events = Events::default();
        samples.push_back(SamplePoint { at: began, events });
        Self {
            step,
            span,
            samples,
        }
    }

    /// Both ends of a time in which nothing was counted are remembered, or what
    /// was before it would seem to have been in it.
    fn note(&mut self, from: Tick, now: Tick, events: Events) {
        let from = from.max(self.next());
        if from <= now {
            self.push(SamplePoint { at: from, events });
        }
        if self.next() <= now {
            self.push(SamplePoint { at: now, events });
        }
    }

    /// Returns when the next sample is due.
    fn next(&self) -> Tick {
        let last = self.samples.back();
        last.map_or(0, |sample| sample.at.saturating_add(self.step))
    }

    /// Adds a sample, and drops those that the span no longer needs.
    fn push(&mut self, sample: SamplePoint) {
        let begin = sample.at.saturating_sub(self.span);
        // The last sample at or before the start of the span stays: its counts
        // are those at the start.
        while self.samples.get(1).is_some_and(|it| it.at <= begin) {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    /// Returns the last sample up to this time, or else the oldest.
    fn at(&self, time: Tick) -> SamplePoint {
        let later = self.samples.partition_point(|sample| sample.at <= time);
        self.samples[later.saturating_sub(1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Tick = 60 * SECOND;
    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn events(total: u64) -> Events {
        Events { good: 0, total }
    }

    /// Returns the events of the last `minutes`, and the seconds that they
    /// cover.
    fn within(history: &History, minutes: u64, now: Tick, total: u64) -> (u64, u64) {
        let window = Duration::from_secs(60 * minutes);
        let (events, covered) = history.within(window, now, events(total));
        (events.total, covered.as_secs())
    }

    #[test]
    fn a_window_begins_at_the_sample_before_it() {
        let mut history = History::new(0, MONTH);
        for nth in 1..=360 {
            history.note(nth * STEP, nth * STEP, events(nth));
        }
        let now = HOUR + 3 * SECOND;
        assert_eq!(within(&history, 5, now, 361), (31, 303));
        assert_eq!(within(&history, 30, now, 361), (181, 1_803));
        assert_eq!(within(&history, 60, now, 361), (361, 3_603));
        // Every five minutes, and every hour.
        assert_eq!(within(&history, 360, now, 361), (361, 3_603));
        assert_eq!(within(&history, 43_200, now, 361), (361, 3_603));
    }

    #[test]
    fn a_young_history_says_how_little_it_covers() {
        let history = History::new(HOUR, MONTH);
        assert_eq!(within(&history, 60, HOUR + 4 * SECOND, 7), (7, 4));
    }

    #[test]
    fn counts_from_before_a_gap_are_not_counted_within_it() {
        let mut history = History::new(0, MONTH);
        history.note(STEP, STEP, events(1));
        // Fifty more, and then none for ten hours.
        history.note(2 * STEP, 10 * HOUR, events(51));
        for minutes in [5, 60, 360] {
            assert_eq!(within(&history, minutes, 10 * HOUR, 51).0, 0, "{minutes}");
        }
        assert_eq!(within(&history, 43_200, 10 * HOUR, 51).0, 51);
    }

    #[test]
    fn it_stays_below_48_kib_however_long_it_goes_on() {
        let mut history = History::new(0, MONTH);
        let room = history.room();
        let mut now = 0;
        while now < 40 * 24 * HOUR {
            // Not on the grid, and sometimes late.
            now += STEP + now % (7 * MINUTE);
            history.note(now, now, events(now));
        }
        assert_eq!(history.room(), room);
        assert!(room <= 48 * 1_024, "{room} bytes");
    }

    #[test]
    fn a_clock_that_steps_back_takes_nothing_away() {
        let mut history = History::new(HOUR, MONTH);
        history.note(2 * HOUR, 2 * HOUR, events(10));
        history.note(HOUR, HOUR, events(11));
        assert_eq!(within(&history, 5, HOUR, 12), (12, 0));
        assert_eq!(within(&history, 5, 2 * HOUR + 6 * MINUTE, 12), (2, 360));
    }

    impl History {
        fn room(&self) -> usize {
            let rooms = self.levels.iter().map(|level| level.samples.capacity());
            rooms.sum::<usize>() * size_of::<SamplePoint>()
        }
    }
}
