//! The results as text for a terminal.

use std::fmt::Write;

use super::{
    amounts::{count, instant, share, span},
    columns::Columns,
    replay_results::{PolicyResults, RefusedKey, ReplayResults},
};
use crate::replay::{
    input::InputTally,
    play::{Change, Series},
};

/// How many characters wide a drawing of a series is.
const DRAWN: usize = 60;

/// The heights of a drawing, from nothing to the largest count.
const HEIGHTS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Returns the results as text.
pub(crate) fn text(results: &ReplayResults) -> String {
    let mut text = format!(
        "{} requests of {} keys ({}), {} to {} UTC\n",
        count(results.requests),
        count(results.keys),
        results.key,
        instant(results.first_us),
        instant(results.last_us),
    );
    text.push_str(&input_notes(&results.input));
    text.push_str(&room_notes(results));
    text.push('\n');
    text.push_str(&table(results));
    for policy in &results.policies {
        text.push_str(&details(policy, results));
    }
    text
}

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

fn room_notes(results: &ReplayResults) -> String {
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

/// One row for each policy.
fn table(results: &ReplayResults) -> String {
    let mut columns = Columns::default();
    columns.row([
        "limit",
        "refused",
        "",
        "keys refused",
        "",
        "longest",
        "most a step",
        "at (UTC)",
    ]);
    for policy in results.against.iter().chain(&results.policies) {
        let (peak_at, peak) = policy.refused_over_time.peak().unzip();
        columns.row([
            format!("{} {}", policy.rule, policy.quota),
            count(policy.refused),
            share(policy.refused, results.requests),
            count(policy.refused_keys),
            share(policy.refused_keys, results.keys),
            span(policy.longest_us),
            count(peak.unwrap_or(0)),
            peak_at.map(instant).unwrap_or_default(),
        ]);
    }
    columns.lines("")
}

/// More about one policy, if it refuses anything or differs from the old one.
fn details(policy: &PolicyResults, results: &ReplayResults) -> String {
    let mut text = format!("\n{} {}\n", policy.rule, policy.quota);
    if let (Some(versus), Some(old)) = (&policy.versus, &results.against) {
        let _ = writeln!(text, "  against {} {}:", old.rule, old.quota);
        text.push_str(&change("requests", &versus.requests));
        text.push_str(&change("keys", &versus.keys));
    }
    if policy.waited > 0 {
        let (waited, longest) = (count(policy.waited), span(policy.longest_wait_us));
        let _ = writeln!(text, "  {waited} requests wait, for up to {longest}");
    }
    if policy.refused == 0 {
        text.push_str("  refuses nothing\n");
        return text;
    }
    let step = span(policy.refused_over_time.step_us());
    let _ = writeln!(text, "  refused over time (counted in steps of {step}):");
    let _ = writeln!(
        text,
        "  |{}|",
        draw(&policy.refused_over_time, &results.arrived)
    );
    text.push_str(&top(&policy.top));
    text
}

fn change(of: &str, change: &Change) -> String {
    let Change {
        both,
        only_old,
        only_new,
    } = *change;
    format!(
        "    {of}: {} newly refused, {} no longer refused, {} refused by both\n",
        count(only_new),
        count(only_old),
        count(both),
    )
}

fn top(keys: &[RefusedKey]) -> String {
    let mut columns = Columns::default();
    columns.row([
        "key",
        "refused",
        "first (UTC)",
        "last (UTC)",
        "in all",
        "longest",
    ]);
    for key in keys {
        columns.row([
            printable(&key.key),
            count(key.refused),
            instant(key.first_us),
            instant(key.last_us),
            span(key.total_us),
            span(key.longest_us),
        ]);
    }
    columns.lines("  ")
}

/// Returns a key that cannot move the cursor of a terminal, nor fill it.
fn printable(key: &str) -> String {
    let escaped: String = key.chars().take(60).flat_map(char::escape_debug).collect();
    match key.chars().nth(60) {
        Some(_) => escaped + "...",
        None => escaped,
    }
}

/// Draws a series over the time of all requests. The largest count of a
/// character is as high as one.
fn draw(series: &Series, all: &Series) -> String {
    let end = all.start_us() + all.counts().len() as u64 * all.step_us();
    let width = (end - all.start_us())
        .div_ceil(DRAWN as u64)
        .max(all.step_us());
    let mut drawn = vec![0_u64; (end - all.start_us()).div_ceil(width) as usize];
    for (index, count) in series.counts().iter().enumerate() {
        let at = series.start_us() + index as u64 * series.step_us();
        let column = at.saturating_sub(all.start_us()) / width;
        if let Some(cell) = drawn.get_mut(column as usize) {
            *cell += count;
        }
    }
    let largest = drawn.iter().copied().max().unwrap_or(0).max(1);
    let height = |count: &u64| HEIGHTS[(count * 8).div_ceil(largest) as usize];
    drawn.iter().map(height).collect()
}
