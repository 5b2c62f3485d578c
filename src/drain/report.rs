//! The result of a drain: how its requests ended.

use std::{collections::BTreeMap, fmt, time::Duration};

use super::work::{Ledger, WorkCounts};

/// The result of a drain: how the requests ended that were in flight when it
/// began, and those that came later. Its text has a line for each route.
///
/// ```text
/// drained in 9.02 s: 41 finished, 3 cancelled, 1 aborted, 0 dropped, 2 refused
/// GET /events: 3 cancelled
/// GET /report: 1 aborted
/// GET /ws: 1 upgraded without a guard
/// POST /orders: 41 finished
/// ```
#[derive(Clone, Debug)]
pub struct Report {
    ledger: Ledger,
    took: Duration,
    has_server_ended: bool,
    unfinished: Vec<&'static str>,
}

impl Report {
    pub(super) fn new(
        ledger: Ledger,
        took: Duration,
        has_server_ended: bool,
        unfinished: Vec<&'static str>,
    ) -> Self {
        let report = Self {
            ledger,
            took,
            has_server_ended,
            unfinished,
        };
        report.log();
        report
    }

    /// Returns the counts by name: `GET /orders/{id}` for requests, whose path
    /// is the route that axum matched or else the path that was sent, the same
    /// with ` (guard)` for guards of requests, and the name of the guard for
    /// other work. Names after the first 64 are counted as
    /// `others`.
    pub fn by_name(&self) -> &BTreeMap<String, WorkCounts> {
        &self.ledger.by_name
    }

    /// Returns the sum of all names.
    pub fn total(&self) -> WorkCounts {
        let mut total = WorkCounts::default();
        self.by_name().values().for_each(|counts| total.add(counts));
        total
    }

    /// Returns how many requests came too late and were refused.
    pub fn refused(&self) -> u64 {
        self.ledger.refused
    }

    /// Returns the time from the first signal to the end, with the hooks.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Returns whether the server closed its connections in time. If not, it was
    /// dropped: a client did not read its response, or a connection was upgraded
    /// outside of all guards.
    pub fn has_server_ended(&self) -> bool {
        self.has_server_ended
    }

    /// Returns the names of the [hooks](super::Drain::at_end) that did not end
    /// in time.
    pub fn unfinished_hooks(&self) -> &[&'static str] {
        &self.unfinished
    }

    /// Returns whether nothing was cut: no work was aborted, the server closed
    /// its connections, and all hooks ended.
    pub fn is_clean(&self) -> bool {
        self.total().aborted == 0 && self.has_server_ended && self.unfinished.is_empty()
    }

    fn log(&self) {
        let text = self.to_string();
        if self.is_clean() {
            tracing::info!(target: "sluicegate::drain", "{text}");
        } else {
            tracing::warn!(target: "sluicegate::drain", "{text}");
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, took) = (self.total(), self.took.as_secs_f64());
        write!(
            f,
            "drained in {took:.2} s: {} finished, {} cancelled, {} aborted, {} dropped, {} refused",
            total.finished,
            total.cancelled,
            total.aborted,
            total.dropped,
            self.refused(),
        )?;
        for (name, counts) in self.by_name() {
            write!(f, "\n{name}: {}", Counted(counts))?;
        }
        if !self.has_server_ended {
            f.write_str("\nthe server still had connections, and was dropped")?;
        }
        for name in &self.unfinished {
            write!(f, "\nthe hook {name} did not end in time")?;
        }
        Ok(())
    }
}

/// The counts of one name that are not 0.
struct Counted<'a>(&'a WorkCounts);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.0.finished, "finished"),
            (self.0.cancelled, "cancelled"),
            (self.0.aborted, "aborted"),
            (self.0.dropped, "dropped"),
            (self.0.unguarded, "upgraded without a guard"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        for (position, (count, name)) in counts.enumerate() {
            let comma = if position > 0 { ", " } else { "" };
            write!(f, "{comma}{count} {name}")?;
        }
        Ok(())
    }
}
