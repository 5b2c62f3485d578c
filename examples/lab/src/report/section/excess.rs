//! How many more requests than the amount of the quota pass within a period.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::{
    report::{
        draw::{Bar, Bars},
        number::{count, time, times},
        phrase,
        view::{Outcome, View},
    },
    results::Figures,
};

/// Returns the card.
pub(in crate::report) fn excess(view: View<'_>) -> Markup {
    let outcomes = view.extremes(most);
    let period = time(view.results.grid.period_us);
    Figure {
        title: "Most in a period",
        about: html! { "The most requests of one bucket that passed within any " (period) ", as a multiple of the amount
            of the quota. The traffic that is worst for the rule. Hatched: beyond the amount." },
        plot: bars(view, &outcomes).svg(view.moving),
        sentence: view.moving.text(sentence(view, &outcomes)),
        table: Some(table(view, &outcomes).markup(view.moving)),
    }
    .card()
}

/// Returns the plot.
pub(in crate::report) fn bars(view: View<'_>, outcomes: &[Outcome<'_>]) -> Bars {
    let bar = |outcome: &Outcome<'_>| Bar {
        name: outcome.rule.label(),
        value: most(outcome.figures) / view.amount.max(1) as f64,
        text: times(outcome.figures.most_in_period, view.amount),
    };
    Bars {
        rows: outcomes.iter().map(bar).collect(),
        scale: view.axes.excess,
        reference: Some((1.0, "the amount of the quota".into())),
    }
}

/// Returns the key of the ranking: the most that passed in a period.
pub(in crate::report) fn most(figures: &Figures) -> f64 {
    figures.most_in_period as f64
}

fn sentence(view: View<'_>, outcomes: &[Outcome<'_>]) -> String {
    let parts = [ranking(view, outcomes), Some(promises(view))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn ranking(view: View<'_>, outcomes: &[Outcome<'_>]) -> Option<String> {
    let written = |outcome: &Outcome<'_>| count(outcome.figures.most_in_period);
    let ends = phrase::ends(outcomes, |outcome| most(outcome.figures), written)?;
    let (least, worst) = (ends.least[0].figures, ends.most[0]);
    Some(format!(
        "Under {}, at most {} requests pass in any {}. {} let {} pass, {} the amount (traffic: {}).",
        phrase::rules(&ends.least),
        count(least.most_in_period),
        time(view.results.grid.period_us),
        phrase::start(&phrase::rules(&ends.most)),
        count(worst.figures.most_in_period),
        times(worst.figures.most_in_period, view.amount),
        worst.traffic.title,
    ))
}

/// Says whether any rule let more pass than it promises.
fn promises(view: View<'_>) -> String {
    let beyond =
        view.extremes(|figures| figures.most_in_period.saturating_sub(figures.bound) as f64);
    let broken: Vec<_> = beyond
        .into_iter()
        .filter(|outcome| outcome.figures.most_in_period > outcome.figures.bound)
        .collect();
    if broken.is_empty() {
        return "Every rule keeps what it promises.".into();
    }
    format!(
        "More than they promise let pass: {}.",
        phrase::rules(&broken)
    )
}

fn table<'a>(view: View<'_>, outcomes: &[Outcome<'_>]) -> Table<'a> {
    let row = |outcome: &Outcome<'_>| {
        let figures = outcome.figures;
        let ratio = times(figures.most_in_period, view.amount);
        let values = vec![
            count(figures.most_in_period),
            ratio,
            count(figures.bound),
            outcome.traffic.title.clone(),
        ];
        (outcome.rule.label(), values)
    };
    Table {
        caption: "Most in a period",
        columns: &[
            "rule",
            "most in a period",
            "of the amount",
            "promised at most",
            "traffic",
        ],
        rows: outcomes.iter().map(row).collect(),
    }
}
