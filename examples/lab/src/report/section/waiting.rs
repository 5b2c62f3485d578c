//! How long requests wait before they pass.

use maud::{Markup, html};

use super::{figure::Figure, table::Table};
use crate::report::{
    axes::seconds_p99,
    draw::{Dumbbell, Dumbbells},
    number::time,
    phrase,
    view::{Outcome, View},
};

/// Returns the card.
pub(in crate::report) fn waiting(view: View<'_>) -> Markup {
    let outcomes = view.extremes(seconds_p99);
    Figure {
        title: "Waiting",
        about: html! { "The time from a request's first attempt until it passed: in a queue, or until a retry. The
            traffic with the longest waits of the rule. Circle: half of the requests waited at most so long (p50).
            Diamond: 99 of 100 did (p99)." },
        plot: dumbbells(view, &outcomes).svg(view.moving),
        sentence: view.moving.text(sentence(&outcomes)),
        table: Some(table(&outcomes).markup(view.moving)),
    }
    .card()
}

fn dumbbells(view: View<'_>, outcomes: &[Outcome<'_>]) -> Dumbbells {
    let row = |outcome: &Outcome<'_>| Dumbbell {
        name: outcome.rule.label(),
        low: p50(outcome) as f64 / 1e6,
        high: p99(outcome) as f64 / 1e6,
        text: range(p50(outcome), p99(outcome)),
    };
    Dumbbells {
        rows: outcomes.iter().map(row).collect(),
        scale: view.axes.wait,
    }
}

fn range(p50_us: u64, p99_us: u64) -> String {
    if p50_us == p99_us {
        time(p99_us)
    } else {
        format!("{} – {}", time(p50_us), time(p99_us))
    }
}

fn p50(outcome: &Outcome<'_>) -> u64 {
    outcome.figures.waits.map_or(0, |waits| waits.p50_us)
}

fn p99(outcome: &Outcome<'_>) -> u64 {
    outcome.figures.waits.map_or(0, |waits| waits.p99_us)
}

fn sentence(outcomes: &[Outcome<'_>]) -> String {
    let written = |outcome: &Outcome<'_>| time(p99(outcome));
    let Some(ends) = phrase::ends(outcomes, |outcome| p99(outcome) as f64, written) else {
        let all = outcomes.first().map_or(0, p99);
        return format!(
            "Under every rule, 99 of 100 requests wait at most {}.",
            time(all)
        );
    };
    format!(
        "The longest waits are those of {}: 99 of 100 requests wait at most {} (traffic: {}). The shortest are those \
         of {}: at most {}.",
        phrase::rules(&ends.most),
        time(p99(&ends.most[0])),
        ends.most[0].traffic.title,
        phrase::rules(&ends.least),
        time(p99(&ends.least[0])),
    )
}

fn table<'a>(outcomes: &[Outcome<'_>]) -> Table<'a> {
    let row = |outcome: &Outcome<'_>| {
        let longest = outcome.figures.waits.map_or(0, |waits| waits.max_us);
        let values = vec![
            time(p50(outcome)),
            time(p99(outcome)),
            time(longest),
            outcome.traffic.title.clone(),
        ];
        (outcome.rule.label(), values)
    };
    Table {
        caption: "Waiting",
        columns: &["rule", "p50", "p99", "longest", "traffic"],
        rows: outcomes.iter().map(row).collect(),
    }
}
