//! How equally a rule treats clients.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::report::{
    draw::{Bar, Bars, Scale},
    number::index,
    phrase,
    view::{Outcome, View},
};

/// Returns the card.
pub(in crate::report) fn fairness(view: View<'_>) -> Markup {
    let outcomes = view.extremes(|figures| -figures.fairness);
    Figure {
        title: "Fairness between clients",
        about: html! { "Jain's index: 1 if each client got the same share of what the limit entitles it to, and 1/n if
            one of n clients got everything. The least fair traffic of the rule." },
        plot: bars(&outcomes).svg(view.moving),
        sentence: view.moving.text(sentence(&outcomes)),
        table: Some(table(&outcomes).markup(view.moving)),
    }
    .card()
}

fn bars(outcomes: &[Outcome<'_>]) -> Bars {
    let bar = |outcome: &Outcome<'_>| Bar {
        name: outcome.rule.title.clone(),
        value: outcome.figures.fairness,
        text: fair(outcome),
    };
    Bars {
        rows: outcomes.iter().map(bar).collect(),
        scale: Scale::Linear(1.0),
        reference: None,
    }
}

fn fair(outcome: &Outcome<'_>) -> String {
    index(Some(outcome.figures.fairness))
}

fn sentence(outcomes: &[Outcome<'_>]) -> String {
    let Some(ends) = phrase::ends(outcomes, |outcome| outcome.figures.fairness) else {
        return format!(
            "Every rule is equally fair: at least {}.",
            outcomes.first().map_or_else(String::new, fair)
        );
    };
    format!(
        "Clients are treated least equally under {}: {} (traffic: {}). The index is never below {} under {}.",
        phrase::rules(&ends.least),
        fair(&ends.least[0]),
        ends.least[0].traffic.title,
        fair(&ends.most[0]),
        phrase::rules(&ends.most),
    )
}

fn table<'a>(outcomes: &[Outcome<'_>]) -> Table<'a> {
    let row = |outcome: &Outcome<'_>| {
        (
            outcome.rule.title.clone(),
            vec![fair(outcome), outcome.traffic.title.clone()],
        )
    };
    Table {
        caption: "Fairness between clients",
        columns: &["rule", "index", "traffic"],
        rows: outcomes.iter().map(row).collect(),
    }
}
