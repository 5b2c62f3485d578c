//! Says which input was not played, and why.

use std::fmt::Write;

use super::{
    amounts::{count, span},
    replay_results::ReplayResults,
};
use crate::replay::input::InputTally;

/// Returns a line about each kind of input that was not played.
pub(crate) fn input_notes(input: &InputTally) -> String {
    let mut notes = String::new();
    if input.unreadable > 0 {
        let (unreadable, lines) = (count(input.unreadable), count(input.lines));
        let _ = writeln!(
            notes,
            "{unreadable} of {lines} lines cannot be read, the first of them\n{}",
            input.list().trim_end()
        );
    }
    if input.without_key > 0 {
        let _ = writeln!(
            notes,
            "{} requests have no key and were not played",
            count(input.without_key)
        );
    }
    if input.late > 0 {
        let _ = writeln!(
            notes,
            "{} requests came too late for --reorder, by up to {}, and were not played",
            count(input.late),
            span(input.latest_us),
        );
    }
    notes
}

/// Returns a line about keys that were forgotten, and one about those without
/// room.
pub(super) fn room_notes(results: &ReplayResults) -> String {
    let mut notes = String::new();
    if results.forgotten_keys > 0 {
        let _ = writeln!(
            notes,
            "{} idle keys were forgotten to make room; those that came back count again",
            count(results.forgotten_keys)
        );
    }
    if results.without_room > 0 {
        let _ = writeln!(
            notes,
            "{} requests were not played, because there was no room for their keys: raise --max-keys",
            count(results.without_room)
        );
    }
    notes
}
