//! The rules and peers that were compared.

use maud::{Markup, html};

use crate::report::view::View;

/// Returns the section.
pub(in crate::report) fn rules(view: View<'_>) -> Markup {
    html! {
        section #rules {
            h2 { "The rules" }
            p { "Where the crate’s clock can be set, the crate itself decided. Otherwise a model of its published rule
                did, which a test compares with the crate." }
            dl.rules {
                @for rule in &view.results.rules {
                    div {
                        dt { (rule.title) " " span.library { (rule.library) @if rule.is_model() { ", model" } } }
                        dd { (rule.about) " When it refuses: " (rule.retry) "." }
                    }
                }
            }
        }
    }
}
