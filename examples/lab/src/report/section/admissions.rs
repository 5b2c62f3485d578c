//! Arrivals against admissions over time: for each traffic one panel for each rule.

use maud::{Markup, html};

use super::table::Table;
use crate::{
    report::{
        draw::{Panel, Scale},
        number::{count, index, time, times},
        phrase,
        view::{Outcome, View},
    },
    results::Figures,
};

const COLUMNS: &[&str] = &[
    "rule",
    "requests",
    "passed",
    "attempts refused",
    "most in a period",
    "promised at most",
    "wait, p50",
    "wait, p99",
    "gap variation",
    "fairness",
];

/// Returns the section.
pub(in crate::report) fn admissions(view: View<'_>) -> Markup {
    html! {
        section #admissions {
            h2 { "What passes, over time" }
            p { "Each panel is one rule. Within a traffic, all panels have the same axes: seconds across, requests in
                an interval upwards." }
            (legend())
            @for traffic in 0..view.results.traffic.len() { (one_traffic(view, traffic)) }
        }
    }
}

fn legend() -> Markup {
    html! {
        ul.legend {
            li { svg.swatch viewBox="0 0 28 14" aria-hidden="true" { rect.arrived x="1" y="1" width="26" height="12" {} }
                "arrived: light, dashed outline" }
            li { svg.swatch viewBox="0 0 28 14" aria-hidden="true" { rect.admitted x="1" y="1" width="26" height="12" {} }
                "passed: dark, solid outline" }
        }
    }
}

fn one_traffic(view: View<'_>, traffic: usize) -> Markup {
    let about = &view.results.traffic[traffic];
    let outcomes = view.of_traffic(traffic);
    html! {
        section.traffic id={ "traffic-" (about.id) } {
            h3 { (phrase::start(&about.title)) }
            p.about {
                (about.about) " Requests in " (time(about.bin_us)) "."
                @if matches!(view.axes.panels[traffic].requests, Scale::Logarithmic(_)) { " The axis is logarithmic." }
            }
            figure {
                div.panels { @for outcome in &outcomes { (panel(view, traffic, outcome)) } }
                figcaption { (view.moving.text(sentence(view, &outcomes))) }
            }
            details {
                summary { "The figures of “" (about.title) "” as a table" }
                (table(&outcomes, &about.title).markup(view.moving))
            }
        }
    }
}

fn panel(view: View<'_>, traffic: usize, outcome: &Outcome<'_>) -> Markup {
    let figures = outcome.figures;
    let panel = Panel {
        title: &outcome.rule.label(),
        note: &note(figures),
        arrivals: &figures.arrivals,
        admissions: &figures.admissions,
        axes: view.axes.panels[traffic],
    };
    panel.svg(view.moving, &description(view, outcome))
}

/// Returns the second line of a panel's heading.
pub(in crate::report) fn note(figures: &Figures) -> String {
    format!(
        "{} of {} pass",
        count(figures.admitted),
        count(figures.requests)
    )
}

fn description(view: View<'_>, outcome: &Outcome<'_>) -> String {
    let figures = outcome.figures;
    format!(
        "{}: {} of {} requests passed, at most {} in any {}",
        outcome.rule.label(),
        count(figures.admitted),
        count(figures.requests),
        count(figures.most_in_period),
        time(view.results.grid.period_us),
    )
}

/// Returns what one sees in the panels of one traffic.
pub(in crate::report) fn sentence(view: View<'_>, outcomes: &[Outcome<'_>]) -> String {
    let parts = [
        passed(outcomes),
        most_in_period(view, outcomes),
        waited(outcomes),
    ];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn passed(outcomes: &[Outcome<'_>]) -> Option<String> {
    let first = outcomes.first()?.figures;
    let admitted = |outcome: &Outcome<'_>| outcome.figures.admitted;
    let written = |outcome: &Outcome<'_>| count(admitted(outcome));
    let Some(ends) = phrase::ends(outcomes, |outcome| admitted(outcome) as f64, written) else {
        return Some(format!(
            "Every rule lets {} requests pass.",
            note(first).trim_end_matches(" pass")
        ));
    };
    Some(format!(
        "Of {} requests, {} pass under {}, and {} under {}.",
        count(first.requests),
        count(admitted(&ends.most[0])),
        phrase::rules(&ends.most),
        count(admitted(&ends.least[0])),
        phrase::rules(&ends.least),
    ))
}

fn most_in_period(view: View<'_>, outcomes: &[Outcome<'_>]) -> Option<String> {
    let most = |outcome: &Outcome<'_>| outcome.figures.most_in_period;
    let written = |outcome: &Outcome<'_>| count(most(outcome));
    let ends = phrase::ends(outcomes, |outcome| most(outcome) as f64, written)?;
    let period = time(view.results.grid.period_us);
    Some(format!(
        "Within some {period}, {} let {} pass, {} the amount of {}; {} never more than {}.",
        phrase::rules(&ends.most),
        count(most(&ends.most[0])),
        times(most(&ends.most[0]), view.amount),
        count(view.amount),
        phrase::rules(&ends.least),
        count(most(&ends.least[0])),
    ))
}

fn waited(outcomes: &[Outcome<'_>]) -> Option<String> {
    let longest = |outcome: &Outcome<'_>| outcome.figures.waits.map_or(0, |waits| waits.max_us);
    let written = |outcome: &Outcome<'_>| time(longest(outcome));
    let ends = phrase::ends(outcomes, |outcome| longest(outcome) as f64, written)?;
    Some(format!(
        "A request waits longest under {}: up to {}.",
        phrase::rules(&ends.most),
        time(longest(&ends.most[0])),
    ))
}

fn table<'a>(outcomes: &[Outcome<'_>], caption: &'a str) -> Table<'a> {
    let rows = outcomes
        .iter()
        .map(|outcome| (outcome.rule.label(), cells(outcome.figures)));
    Table {
        caption,
        columns: COLUMNS,
        rows: rows.collect(),
    }
}

/// The cells of a row of the table.
fn cells(figures: &Figures) -> Vec<String> {
    let wait = |us: Option<u64>| us.map_or_else(|| "–".into(), time);
    vec![
        count(figures.requests),
        count(figures.admitted),
        count(figures.refused),
        count(figures.most_in_period),
        count(figures.bound),
        wait(figures.waits.map(|waits| waits.p50_us)),
        wait(figures.waits.map(|waits| waits.p99_us)),
        index(figures.gap_variation),
        index(Some(figures.fairness)),
    ]
}
