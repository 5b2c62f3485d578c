//! The results as text for a terminal.

use super::results::{Pair, RecommendResults};
use crate::replay::{Columns, count, input_notes, played, share, span};

/// Returns the results as text.
pub(super) fn text(results: &RecommendResults) -> String {
    let span = (results.first_us, results.last_us);
    let mut text = played(results.requests, results.keys, &results.key, span);
    text.push_str(&input_notes(&results.input));
    text.push_str(&allowed("keys", results.allowed_keys, results.keys));
    text.push_str(&allowed(
        "requests",
        results.allowed_requests,
        results.requests,
    ));
    text.push('\n');
    text.push_str(&table(results));
    text.push_str(
        "\n* has the least quota x period + burst of its rule; left out are pairs with more than ",
    );
    text.push_str("ten times that, which --json has\n");
    text
}

fn allowed(of: &str, allowed: Option<u64>, all: u64) -> String {
    let line = |allowed| {
        let share = share(allowed, all);
        format!(
            "smallest quotas that refuse at most {} {of} ({share})\n",
            count(allowed)
        )
    };
    allowed.map(line).unwrap_or_default()
}

fn table(results: &RecommendResults) -> String {
    let mut columns = Columns::default();
    columns.row([
        "rule and smallest quota",
        "",
        "quota + burst",
        "refused",
        "",
        "keys refused",
        "",
    ]);
    let shown = results.pairs.iter().filter(|pair| is_shown(pair, results));
    let shown: Vec<_> = shown.collect();
    for pairs in shown.chunk_by(are_both_missing) {
        match &pairs[0].quota {
            Some(quota) => columns.row(found(pairs[0], quota, results)),
            None => columns.row([missing(pairs, results)]),
        }
    }
    columns.lines("")
}

/// Whether two pairs share a line, because no quota was found for either.
fn are_both_missing(one: &&Pair, next: &&Pair) -> bool {
    one.rule == next.rule && one.quota.is_none() && next.quota.is_none()
}

/// Whether a pair is not much worse than the best of its rule.
fn is_shown(pair: &Pair, results: &RecommendResults) -> bool {
    let best = results
        .pairs
        .iter()
        .find(|it| it.best && it.rule == pair.rule);
    let sums = pair.sum.zip(best.and_then(|best| best.sum));
    sums.is_none_or(|(sum, best)| sum <= 10 * best)
}

fn found(pair: &Pair, quota: &str, results: &RecommendResults) -> [String; 7] {
    // A quota leaves out a burst that equals its amount.
    let burst = pair.burst.filter(|_| !quota.contains("burst"));
    let burst = burst
        .map(|burst| format!(" burst {burst}"))
        .unwrap_or_default();
    [
        format!("{} {quota}{burst}", pair.rule),
        if pair.best { "*" } else { "" }.to_owned(),
        count(pair.sum.unwrap_or(0)),
        count(pair.refused),
        share(pair.refused, results.requests),
        count(pair.refused_keys),
        share(pair.refused_keys, results.keys),
    ]
}

/// Says of neighbours that no quota was found.
fn missing(pairs: &[&Pair], results: &RecommendResults) -> String {
    let bursts = pairs.first().zip(pairs.last());
    let bursts = bursts.and_then(|(first, last)| first.burst.zip(last.burst));
    let bursts = match bursts {
        None => String::new(),
        Some((first, last)) if first == last => format!(" burst {first}"),
        Some((first, last)) => format!(" burst {first} to {last}"),
    };
    let (largest, period) = (count(results.largest_amount), span(results.period_us));
    format!(
        "{}{bursts}: none up to {largest} in {period}",
        pairs[0].rule
    )
}
