//! The section of the page.

use maud::{Markup, html};

use super::{costs::costs, in_process, in_redis, table};
use crate::{
    report::{number::count, view::View},
    results::{Agreement, Measured},
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
            p { "Measured on one machine by " code { (measured.command) } ". The sliders do not move these figures." }
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
