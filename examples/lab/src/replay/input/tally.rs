//! Counts of the lines that were read, and of those that could not be.

use std::{fmt::Write, path::Path};

use serde::Serialize;
use sluicegate::clock::Tick;

use crate::replay::{error::ReplayError, format::Unreadable, printable::printable};

/// How many unreadable lines are shown.
const SHOWN: usize = 10;

/// How many characters of an unreadable line are shown.
const SHOWN_CHARS: usize = 80;

/// Counts of lines and requests.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct InputTally {
    /// Lines that are not blank.
    pub(crate) lines: u64,
    /// Lines that cannot be read.
    pub(crate) unreadable: u64,
    /// The first lines that cannot be read, with their numbers and reasons.
    pub(crate) first_unreadable: Vec<UnreadableLine>,
    /// Requests without the key.
    pub(crate) without_key: u64,
    /// Requests that came too late for the window of `--reorder`. They are not
    /// played.
    pub(crate) late: u64,
    /// How late the latest of them came, in microseconds.
    pub(crate) latest_us: Tick,
}

/// A line that cannot be read.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct UnreadableLine {
    pub(crate) file: String,
    pub(crate) line: u64,
    pub(crate) reason: String,
    /// The start of the line, with control characters escaped.
    pub(crate) text: String,
}

impl InputTally {
    /// Counts a line that cannot be read.
    pub(super) fn unreadable(&mut self, path: &Path, line: u64, text: &[u8], reason: Unreadable) {
        self.unreadable += 1;
        if self.first_unreadable.len() < SHOWN {
            self.first_unreadable.push(UnreadableLine {
                file: path.display().to_string(),
                line,
                reason: reason.to_string(),
                text: shown(text),
            });
        }
    }

    /// Counts a request that came too late.
    pub(super) fn late(&mut self, by: Tick) {
        self.late += 1;
        self.latest_us = self.latest_us.max(by);
    }

    /// Fails if more than a hundredth of the lines cannot be read.
    pub(crate) fn check(&self, allow_unreadable: bool) -> Result<(), ReplayError> {
        if allow_unreadable || self.unreadable * 100 <= self.lines {
            return Ok(());
        }
        Err(ReplayError::Unreadable {
            count: self.unreadable,
            lines: self.lines,
            first: self.list(),
        })
    }

    /// Returns the first lines that cannot be read, one a line.
    pub(crate) fn list(&self) -> String {
        self.first_unreadable
            .iter()
            .fold(String::new(), |mut list, it| {
                let UnreadableLine {
                    file,
                    line,
                    reason,
                    text,
                } = it;
                let _ = writeln!(list, "  {file}:{line}: {reason}: {text}");
                list
            })
    }
}

/// Returns the start of a line.
fn shown(text: &[u8]) -> String {
    // As many bytes as are surely enough, and one character more.
    let start = &text[..text.len().min(4 * (SHOWN_CHARS + 1))];
    printable(&String::from_utf8_lossy(start), SHOWN_CHARS)
}
