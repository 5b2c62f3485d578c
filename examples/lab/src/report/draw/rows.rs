//! Rows that each have a name at the left, a value at the right, and a drawing
//! below them.

use maud::{Markup, html};

use crate::report::moving::Moving;

/// The width of the rows in pixels, that of a phone.
pub(in super::super) const WIDTH: f64 = 358.0;
/// The height of a row in pixels.
pub(super) const HEIGHT: f64 = 30.0;

/// Returns rows of the given height as a picture.
pub(super) fn svg(
    moving: &Moving,
    height: f64,
    description: &str,
    contents: impl FnOnce(&Moving) -> Markup,
) -> Markup {
    html! {
        svg.rows viewBox={ "0 0 " (WIDTH) " " (height) } role="img"
            data-m=[moving.names("aria-label")] aria-label=(moving.value(description)) { (contents(moving)) }
    }
}

/// Returns the names and the values of rows as one text.
pub(super) fn description<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let described: Vec<_> = rows.map(|(name, text)| format!("{name}: {text}")).collect();
    described.join("; ")
}

/// Returns the name and the value of a row.
pub(super) fn heading(moving: &Moving, top: f64, name: &str, text: &str) -> Markup {
    html! {
        text.name y=(top + 12.0) { (name) }
        text.value x=(WIDTH) y=(top + 12.0) text-anchor="end" data-m=[moving.names("text")] { (moving.value(text)) }
    }
}

/// Returns the tops of rows, the first at `first`.
pub(super) fn tops(first: f64) -> impl Iterator<Item = f64> {
    (0_u32..).map(move |row| first + f64::from(row) * HEIGHT)
}
