//! The section of the page.

use maud::{Markup, html};

use super::{row::Row, simulated::rows};
use crate::report::view::View;

/// Returns the section.
pub(in crate::report) fn choice(view: View<'_>) -> Markup {
    html! {
        section #choice {
            h2 { "Which one should I use?" }
            p { "The rows follow from the figures below, over all traffic, and move with the quota. Of rules that do equally
                well, all are named." }
            div.scroll tabindex="0" role="region" aria-label="Which one should I use" {
                table.choice {
                    thead { tr { th scope="col" { "You need" } th scope="col" { "Take" } th scope="col" { "Because" } } }
                    tbody { @for row in rows(view) { (markup(view, row)) } }
                }
            }
        }
    }
}

fn markup(view: View<'_>, row: Row) -> Markup {
    html! {
        tr {
            th scope="row" { (row.need) }
            td.take { (view.moving.text(row.take)) }
            td { (view.moving.text(row.because)) }
        }
    }
}
