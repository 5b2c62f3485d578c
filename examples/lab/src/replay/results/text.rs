//! The results as text for a terminal.

use std::fmt::Write;

use sluicegate::clock::Tick;

use super::{
    amounts::{count, instant, share, span},
    columns::Columns,
    drawing::draw,
    notes::{input_notes, room_notes},
    replay_results::{PolicyResults, RefusedKey, ReplayResults},
};
use crate::replay::{play::Change, printable::printable};

/// How many characters of a key are shown.
const SHOWN_CHARS: usize = 60;

/// Returns the results as text.
pub(crate) fn text(results: &ReplayResults) -> String {
    let span = (results.first_us, results.last_us);
    let mut text = played(results.requests, results.keys, &results.key, span);
    text.push_str(&input_notes(&results.input));
    text.push_str(&room_notes(results));
    text.push('\n');
    text.push_str(&table(results));
    for policy in &results.policies {
        text.push_str(&details(policy, results));
    }
    text
}

/// Returns the line that says what was played.
pub(crate) fn played(
    requests: u64,
    keys: u64,
    key: &str,
    (first_us, last_us): (Tick, Tick),
) -> String {
    format!(
        "{} requests of {} keys ({key}), {} to {} UTC\n",
        count(requests),
        count(keys),
        instant(first_us),
        instant(last_us),
    )
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
            printable(&key.key, SHOWN_CHARS),
            count(key.refused),
            instant(key.first_us),
            instant(key.last_us),
            span(key.total_us),
            span(key.longest_us),
        ]);
    }
    columns.lines("  ")
}
