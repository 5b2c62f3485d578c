//! How even the output of a rule is.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::{
    report::{
        draw::{Bar, Bars},
        number::index,
        phrase,
        view::{Outcome, View},
    },
    results::Figures,
};

/// Returns the card.
pub(in crate::report) fn smoothness(view: View<'_>) -> Markup {
    let outcomes = view.extremes(variation);
    Figure {
        title: "Smoothness of the output",
        about: html! { "The standard deviation of the gaps between requests that pass, divided by their mean: 0 is a
            steady beat, 1 is random, more is bursts. The least even traffic of the rule." },
        plot: bars(view, &outcomes).svg(view.moving),
        sentence: view.moving.text(sentence(&outcomes)),
        table: Some(table(&outcomes).markup(view.moving)),
    }
    .card()
}

/// Returns the key of the ranking: the variation of gaps.
fn variation(figures: &Figures) -> f64 {
    figures.gap_variation.unwrap_or(0.0)
}

fn bars(view: View<'_>, outcomes: &[Outcome<'_>]) -> Bars {
    let bar = |outcome: &Outcome<'_>| Bar {
        name: outcome.rule.title.clone(),
        value: variation(outcome.figures),
        text: index(outcome.figures.gap_variation),
    };
    Bars {
        rows: outcomes.iter().map(bar).collect(),
        scale: view.axes.variation,
        reference: None,
    }
}

fn sentence(outcomes: &[Outcome<'_>]) -> String {
    let Some(ends) = phrase::ends(outcomes, |outcome| variation(outcome.figures)) else {
        return "The output is equally even under every rule.".into();
    };
    format!(
        "The output is most even under {}: at most {} with any traffic. It is least even under {}: {} (traffic: {}).",
        phrase::rules(&ends.least),
        index(ends.least[0].figures.gap_variation),
        phrase::rules(&ends.most),
        index(ends.most[0].figures.gap_variation),
        ends.most[0].traffic.title,
    )
}

fn table<'a>(outcomes: &[Outcome<'_>]) -> Table<'a> {
    let row = |outcome: &Outcome<'_>| {
        (
            outcome.rule.title.clone(),
            vec![
                index(outcome.figures.gap_variation),
                outcome.traffic.title.clone(),
            ],
        )
    };
    Table {
        caption: "Smoothness of the output",
        columns: &["rule", "gap variation", "traffic"],
        rows: outcomes.iter().map(row).collect(),
    }
}
