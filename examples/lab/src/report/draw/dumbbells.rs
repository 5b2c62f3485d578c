//! Pairs of values on one scale: the half and the tail of the same measurements.

use maud::{Markup, html};

use super::{
    coordinate::coordinate,
    rows::{self, WIDTH},
    scale::Scale,
};
use crate::report::moving::Moving;

/// Room for half a marker at both ends.
const MARGIN: f64 = 5.0;

/// A row of [`Dumbbells`].
#[derive(Clone, Debug)]
pub(in super::super) struct Dumbbell {
    pub(in super::super) name: String,
    pub(in super::super) low: f64,
    pub(in super::super) high: f64,
    /// Both values as the reader sees them, with their units.
    pub(in super::super) text: String,
}

/// Rows of a filled circle at the lower value, a hollow diamond at the higher one,
/// and a line between them.
#[derive(Clone, Debug)]
pub(in super::super) struct Dumbbells {
    pub(in super::super) rows: Vec<Dumbbell>,
    pub(in super::super) scale: Scale,
}

impl Dumbbells {
    /// Returns the rows as a picture, with all their values as its text alternative.
    pub(in super::super) fn svg(&self, moving: &Moving) -> Markup {
        let named = self.rows.iter().map(|row| (&*row.name, &*row.text));
        let description = rows::description(named);
        rows::svg(moving, self.height(), &description, |moving| {
            self.contents(moving)
        })
    }

    /// Returns what is in the picture.
    pub(in super::super) fn contents(&self, moving: &Moving) -> Markup {
        html! {
            @for (top, row) in rows::tops(0.0).zip(&self.rows) {
                (rows::heading(moving, top, &row.name, &row.text))
                (self.marks(moving, top + 21.0, row))
            }
        }
    }

    /// Returns the height of the picture.
    pub(in super::super) fn height(&self) -> f64 {
        rows::HEIGHT * self.rows.len() as f64
    }

    fn marks(&self, moving: &Moving, y: f64, row: &Dumbbell) -> Markup {
        let (low, high) = (coordinate(self.x(row.low)), coordinate(self.x(row.high)));
        html! {
            path.grid d={ "M0 " (y) "h" (WIDTH) } {}
            path.span data-m=[moving.names("d")] d=(moving.value(format!("M{low} {y}H{high}"))) {}
            path.diamond data-m=[moving.names("d")]
                d=(moving.value(format!("M{high} {}l5 5l-5 5l-5 -5Z", y - 5.0))) {}
            circle.dot cy=(y) r="3.5" data-m=[moving.names("cx")] cx=(moving.value(low.as_str())) {}
        }
    }

    fn x(&self, value: f64) -> f64 {
        MARGIN + (WIDTH - 2.0 * MARGIN) * self.scale.share(value)
    }
}
