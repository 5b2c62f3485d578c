//! How even the output of a rule is.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::{
    report::{
        draw::{Dumbbell, Dumbbells},
        number::index,
        phrase::{self, Ends},
        view::View,
    },
    results::Rule,
};

/// The variation of gaps under a rule.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct Evenness<'a> {
    rule: &'a Rule,
    /// Half of the traffics have at most this one.
    pub(in crate::report) half: f64,
    /// The largest of all traffics.
    worst: f64,
}

/// Returns the card.
pub(in crate::report) fn smoothness(view: View<'_>) -> Markup {
    let rules = 0..view.results.rules.len();
    let all: Vec<_> = rules.map(|rule| evenness(view, rule)).collect();
    Figure {
        title: "Smoothness of the output",
        about: html! { "The standard deviation of the gaps between requests that pass, divided by their mean: 0 is a
            steady beat, 1 is random, more is bursts. Circle: half of the traffics are at most so uneven. Diamond: the
            least even traffic." },
        plot: dumbbells(view, &all).svg(view.moving),
        sentence: view.moving.text(sentence(&all)),
        table: Some(table(&all).markup(view.moving)),
    }
    .card()
}

/// Returns how even the output of a rule is, over all traffic.
pub(in crate::report) fn evenness(view: View<'_>, rule: usize) -> Evenness<'_> {
    let traffic = 0..view.results.traffic.len();
    let variation = |traffic| view.results.figures(view.cell, traffic, rule).gap_variation;
    let mut variations: Vec<_> = traffic.filter_map(variation).collect();
    variations.sort_by(f64::total_cmp);
    Evenness {
        rule: &view.results.rules[rule],
        half: variations
            .get(variations.len().saturating_sub(1) / 2)
            .copied()
            .unwrap_or(0.0),
        worst: variations.last().copied().unwrap_or(0.0),
    }
}

fn dumbbells(view: View<'_>, all: &[Evenness<'_>]) -> Dumbbells {
    let row = |evenness: &Evenness<'_>| Dumbbell {
        name: evenness.rule.label(),
        low: evenness.half,
        high: evenness.worst,
        text: format!(
            "{} – {}",
            index(Some(evenness.half)),
            index(Some(evenness.worst))
        ),
    };
    Dumbbells {
        rows: all.iter().map(row).collect(),
        scale: view.axes.variation,
    }
}

fn sentence(all: &[Evenness<'_>]) -> String {
    let Some(Ends { least, most }) = phrase::ends(all, |it| it.half, |it| index(Some(it.half)))
    else {
        return "The output is equally even under every rule.".into();
    };
    let names = |all: &[Evenness<'_>]| {
        phrase::list(
            &all.iter()
                .map(|evenness| evenness.rule.title.as_str())
                .collect::<Vec<_>>(),
        )
    };
    format!(
        "The output is most even under {}: at most {} in half of the traffics. It is least even under {}: {}.",
        names(&least),
        index(Some(least[0].half)),
        names(&most),
        index(Some(most[0].half)),
    )
}

fn table<'a>(all: &[Evenness<'_>]) -> Table<'a> {
    let row = |evenness: &Evenness<'_>| {
        let values = [evenness.half, evenness.worst].map(|value| index(Some(value)));
        (evenness.rule.label(), values.to_vec())
    };
    Table {
        caption: "Smoothness of the output",
        columns: &["rule", "half of the traffics", "least even traffic"],
        rows: all.iter().map(row).collect(),
    }
}
