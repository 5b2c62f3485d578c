//! The section of the page.

use maud::{Markup, html};

use super::{costs::costs, in_process, in_redis, table};
use crate::{
    report::{number::count, phrase, view::View},
    results::{Agreement, Measured, Results, Rule},
};

/// Returns the section; nothing if nothing was measured.
pub(in crate::report) fn cost(view: View<'_>) -> Markup {
    html! { @if let Some(measured) = view.measured { (section(view, measured)) } }
}

fn section(view: View<'_>, measured: &Measured) -> Markup {
    let costs = costs(view.results, measured);
    html! {
        section #cost {
            h2 { "What a decision costs" }
            p { "Measured on one machine by " code { (measured.command) } ". The sliders do not move these figures."
                (without(view.results, measured)) }
            div.cards {
                (in_process::time(&costs))
                (in_process::memory(&costs))
                (in_redis::time(&costs))
            }
            @if let Some(agreement) = measured.agreement { p { (agreed(agreement)) } }
            (table::table(&costs))
        }
    }
}

/// Names the rules without a measurement.
fn without(results: &Results, measured: &Measured) -> String {
    let is_measured = |rule: &&Rule| measured.rules.iter().any(|costs| costs.rule == rule.id);
    let rules = results.rules.iter().filter(|rule| !is_measured(rule));
    let titles: Vec<_> = rules.map(|rule| rule.title.as_str()).collect();
    match titles.is_empty() {
        true => String::new(),
        false => format!(" Models are not measured: {}.", phrase::list(&titles)),
    }
}

fn agreed(agreement: Agreement) -> String {
    let Agreement {
        decisions,
        different,
    } = agreement;
    let decisions = count(decisions);
    match different {
        0 => format!(
            "In Redis, the scripts decided as their rules did in all {decisions} decisions."
        ),
        _ => format!(
            "In Redis, the scripts decided otherwise than their rules in {} of {decisions} decisions.",
            count(different)
        ),
    }
}
