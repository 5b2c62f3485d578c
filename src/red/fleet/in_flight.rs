//! The requests that an instance has in flight, as text. A flush writes it, and
//! readers parse it.

use std::fmt::Write;

use super::label_codec;
use crate::red::{Labels, Snapshot};

/// Writes a line for each series with requests in flight: `3 ` and its labels.
pub(crate) fn write(snapshot: &Snapshot) -> String {
    let mut text = String::new();
    for series in &snapshot.series {
        let count = series.in_flight();
        if count > 0 {
            // Writing to memory does not fail.
            let _ = writeln!(text, "{count} {}", label_codec::write(&series.labels));
        }
    }
    text
}

/// Reads the lines. `None` stands for a line that this version does not
/// understand.
pub(crate) fn read(text: &str) -> impl Iterator<Item = Option<(Labels, u64)>> {
    text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let (count, labels) = words.split_first()?;
        let labels = label_codec::read(labels.try_into().ok()?)?;
        Some((labels, count.parse().ok()?))
    })
}
