//! A plot with its heading, the sentence under it, and the table behind it.

use maud::{Markup, html};

/// A plot of one row for each rule.
#[derive(Debug)]
pub(super) struct Figure<'a> {
    pub(super) title: &'a str,
    /// Says what the plot shows, and in which unit.
    pub(super) about: Markup,
    pub(super) plot: Markup,
    /// Says what one sees, computed from the figures.
    pub(super) sentence: Markup,
    /// The table behind the plot, unless the section has one for all its plots.
    pub(super) table: Option<Markup>,
}

impl Figure<'_> {
    /// Returns the figure as a card of the page.
    pub(super) fn card(&self) -> Markup {
        html! {
            section.card {
                h3 { (self.title) }
                p.about { (self.about) }
                figure {
                    (self.plot)
                    figcaption { (self.sentence) }
                }
                @if let Some(table) = &self.table {
                    details { summary { "The figures of “" (self.title) "” as a table" } (table) }
                }
            }
        }
    }
}
