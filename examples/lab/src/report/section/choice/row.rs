//! A row of the table: a need, and the rules that meet it best.

use super::record::Record;
use crate::report::phrase;

/// A need, what to take, and the figures that say so.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) need: &'static str,
    pub(super) take: String,
    pub(super) because: String,
}

/// Returns the row with the best of the candidates, which are those with the
/// largest `merit`; `otherwise` gives the reason if there is no candidate.
pub(super) fn row<'a>(
    need: &'static str,
    candidates: impl Iterator<Item = &'a Record<'a>>,
    merit: impl Fn(&Record<'_>) -> f64,
    because: impl FnOnce(&Record<'_>) -> String,
    otherwise: impl FnOnce() -> String,
) -> Row {
    let best = best(candidates, merit);
    let titles: Vec<_> = best
        .iter()
        .map(|record| record.rule.title.as_str())
        .collect();
    match best.first() {
        Some(first) => Row {
            need,
            take: phrase::list(&titles),
            because: because(first),
        },
        None => Row {
            need,
            take: "none of these".into(),
            because: otherwise(),
        },
    }
}

fn best<'a>(
    candidates: impl Iterator<Item = &'a Record<'a>>,
    merit: impl Fn(&Record<'_>) -> f64,
) -> Vec<&'a Record<'a>> {
    let candidates: Vec<_> = candidates.collect();
    let most = candidates
        .iter()
        .map(|record| merit(record))
        .fold(f64::NEG_INFINITY, f64::max);
    candidates
        .into_iter()
        .filter(|record| merit(record) == most)
        .collect()
}
