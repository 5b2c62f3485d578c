//! Horizontal bars on one scale.

use maud::{Markup, html};

use super::{
    coordinate::coordinate,
    rows::{self, WIDTH},
    scale::Scale,
};
use crate::report::moving::Moving;

const THICKNESS: f64 = 8.0;

/// A row of [`Bars`].
#[derive(Clone, Debug)]
pub(in super::super) struct Bar {
    pub(in super::super) name: String,
    pub(in super::super) value: f64,
    /// The value as the reader sees it, with its unit.
    pub(in super::super) text: String,
}

/// Bars, with at most one line to compare them with.
#[derive(Clone, Debug)]
pub(in super::super) struct Bars {
    pub(in super::super) rows: Vec<Bar>,
    pub(in super::super) scale: Scale,
    /// A value, and what it means.
    pub(in super::super) reference: Option<(f64, String)>,
}

impl Bars {
    /// Returns the bars as a picture, with all their values as its text alternative.
    pub(in super::super) fn svg(&self, moving: &Moving) -> Markup {
        let named = self.rows.iter().map(|bar| (&*bar.name, &*bar.text));
        let description = rows::description(named);
        rows::svg(moving, self.height(), &description, |moving| {
            self.contents(moving)
        })
    }

    /// Returns what is in the picture.
    pub(in super::super) fn contents(&self, moving: &Moving) -> Markup {
        html! {
            @for (top, bar) in rows::tops(self.top()).zip(&self.rows) {
                (rows::heading(moving, top, &bar.name, &bar.text))
                (self.bar(moving, top + 17.0, bar.value))
            }
            @if let Some((value, meaning)) = &self.reference { (self.line(*value, meaning)) }
        }
    }

    /// Returns the height of the picture.
    pub(in super::super) fn height(&self) -> f64 {
        self.top() + rows::HEIGHT * self.rows.len() as f64
    }

    fn top(&self) -> f64 {
        if self.reference.is_some() { 16.0 } else { 0.0 }
    }

    /// A bar; its part beyond the reference is hatched, so that it needs no colour.
    fn bar(&self, moving: &Moving, y: f64, value: f64) -> Markup {
        let end = self.x(value);
        let limit = self
            .reference
            .as_ref()
            .map_or(WIDTH, |(limit, _)| self.x(*limit));
        html! {
            rect.track y=(y) width=(WIDTH) height=(THICKNESS) {}
            rect.bar y=(y) height=(THICKNESS)
                data-m=[moving.names("width")] width=(moving.value(coordinate(end.min(limit).max(1.0)))) {}
            @if self.reference.is_some() {
                rect.over x=(coordinate(limit)) y=(y) height=(THICKNESS) fill="url(#hatch)"
                    data-m=[moving.names("width")] width=(moving.value(coordinate((end - limit).max(0.0)))) {}
            }
        }
    }

    /// The line crosses the bars and not the names above them.
    fn line(&self, value: f64, meaning: &str) -> Markup {
        let x = coordinate(self.x(value));
        let anchor = if self.x(value) > WIDTH / 2.0 {
            "end"
        } else {
            "start"
        };
        let tops = rows::tops(self.top()).take(self.rows.len());
        html! {
            @for top in tops { path.reference d={ "M" (x) " " (top + 15.0) "v" (THICKNESS + 4.0) } {} }
            text.tick x=(x) y="10" text-anchor=(anchor) { "| " (meaning) }
        }
    }

    fn x(&self, value: f64) -> f64 {
        WIDTH * self.scale.share(value)
    }
}

/// Returns the hatching of the parts beyond a reference, once for a document.
pub(in super::super) fn hatch() -> Markup {
    html! {
        pattern #hatch width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(45)" {
            rect.hatch-ground width="5" height="5" {}
            rect.hatch-line width="2.5" height="5" {}
        }
    }
}
