//! The two widths of windows, and which of them a span is read from.
//! `lua/red.lua` has the same.

use std::{ops::RangeInclusive, time::Duration};

use crate::{
    clock::{Tick, ticks},
    redis::Error,
};

/// A second in ticks.
const SECOND: Tick = 1_000_000;

/// Windows of one width, on the server's clock.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Resolution {
    /// The part of the key that names the width.
    pub(crate) name: &'static str,
    /// The width in ticks.
    width: Tick,
    /// The longest span that can be read, because older windows have expired.
    reach: Duration,
}

/// The resolutions, the finest first.
static RESOLUTIONS: [Resolution; 2] = [
    Resolution {
        name: "10s",
        width: 10 * SECOND,
        reach: Duration::from_secs(20 * 60),
    },
    Resolution {
        name: "10m",
        width: 600 * SECOND,
        reach: Duration::from_secs(3 * 86_400),
    },
];

impl Resolution {
    /// Returns the finest resolution that reaches as far as `span`.
    pub(crate) fn of(span: Duration) -> Result<&'static Self, Error> {
        let mut resolutions = RESOLUTIONS
            .iter()
            .filter(|resolution| span <= resolution.reach);
        let resolution = resolutions.next().filter(|_| !span.is_zero());
        resolution.ok_or_else(|| {
            Error::config(
                "span",
                format_args!("{span:?}"),
                "more than 0, at most 3 days",
            )
        })
    }

    /// Returns the windows that a span up to now overlaps, by the seconds at
    /// which they begin.
    pub(crate) fn windows(&self, span: Duration, now: Tick) -> impl Iterator<Item = u64> + use<> {
        let nths = self.nths(span, now);
        let width = self.width / SECOND;
        nths.map(move |nth| nth * width)
    }

    /// Returns the time since the first of these windows began.
    pub(crate) fn covered(&self, span: Duration, now: Tick) -> Duration {
        let begun = self.nths(span, now).start() * self.width;
        Duration::from_micros(now - begun)
    }

    /// Returns the numbers of these windows, counted from the epoch.
    fn nths(&self, span: Duration, now: Tick) -> RangeInclusive<u64> {
        let first = now.saturating_sub(ticks(span)) / self.width;
        first..=now / self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_span_is_read_of_the_finest_level_that_has_it() {
        let resolution = |minutes| Resolution::of(MINUTE * minutes).unwrap().name;
        assert_eq!(
            [5, 20, 21, 60, 3 * 1_440].map(resolution)[..3],
            ["10s", "10s", "10m"]
        );
        assert_eq!(resolution(3 * 1_440), "10m");
        assert!(Resolution::of(MINUTE * (3 * 1_440 + 1)).is_err());
        assert!(Resolution::of(Duration::ZERO).is_err());
    }

    #[test]
    fn whole_windows_are_read() {
        let resolution = Resolution::of(MINUTE).unwrap();
        let now = 1_005 * SECOND;
        let windows: Vec<_> = resolution.windows(Duration::from_secs(15), now).collect();
        assert_eq!(windows, [990, 1_000]);
        let covered = resolution.covered(Duration::from_secs(15), now);
        assert_eq!(covered, Duration::from_secs(15));
        let covered = resolution.covered(Duration::from_secs(6), now);
        assert_eq!(covered, Duration::from_secs(15));
    }
}
