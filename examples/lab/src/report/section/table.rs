//! Tables, which scroll in a box of their own if the screen is narrow.

use maud::{Markup, html};

use crate::report::moving::Moving;

/// A table with names at the left and moving values beside them.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// The subject of the table, for readers who do not see it.
    pub(super) caption: &'a str,
    /// The headings of all columns.
    pub(super) columns: &'a [&'a str],
    /// The name and the values of each row.
    pub(super) rows: Vec<(String, Vec<String>)>,
}

impl Table<'_> {
    /// Returns the table.
    pub(super) fn markup(&self, moving: &Moving) -> Markup {
        html! {
            div.scroll tabindex="0" role="region" aria-label=(self.caption) {
                table {
                    caption.unseen { (self.caption) }
                    thead { tr { @for column in self.columns { th scope="col" { (column) } } } }
                    tbody { @for (name, values) in &self.rows { (row(moving, name, values)) } }
                }
            }
        }
    }
}

fn row(moving: &Moving, name: &str, values: &[String]) -> Markup {
    html! {
        tr {
            th scope="row" { (name) }
            @for value in values { td data-m=[moving.names("text")] { (moving.value(value)) } }
        }
    }
}
