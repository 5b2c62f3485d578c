//! What an instance has in flight, as text and back.

use std::fmt::Write;

use super::label_codec;
use crate::red::{Labels, Snapshot};

/// How many there are of each series that has any: `3 ` and its labels, in lines.
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

/// `None` for each line that is not what this version knows.
pub(crate) fn read(text: &str) -> impl Iterator<Item = Option<(Labels, u64)>> {
    text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        let (count, labels) = words.split_first()?;
        let labels = label_codec::read(labels.try_into().ok()?)?;
        Some((labels, count.parse().ok()?))
    })
}
