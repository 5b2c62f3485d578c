//! One of several small plots with the same axes: arrivals against admissions.

use maud::{Markup, html};

use super::{coordinate::coordinate, scale::Scale, steps};
use crate::report::moving::Moving;

/// The width of a panel in pixels: two stand side by side on a phone.
pub(in super::super) const PANEL_WIDTH: f64 = 172.0;
/// The height of a panel in pixels.
pub(in super::super) const PANEL_HEIGHT: f64 = 137.0;

const LEFT: f64 = 28.0;
const TOP: f64 = 49.0;
const PLOT_WIDTH: f64 = 140.0;
const PLOT_HEIGHT: f64 = 70.0;

/// The axes that all panels of one figure share.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct PanelAxes {
    /// The length of the horizontal axis in seconds.
    pub(in super::super) seconds: f64,
    /// The vertical axis: requests in one bin.
    pub(in super::super) requests: Scale,
}

/// Arrivals as an area with a dashed outline, and admissions as a darker one with a
/// solid outline in front of it.
#[derive(Clone, Debug)]
pub(in super::super) struct Panel<'a> {
    pub(in super::super) title: &'a str,
    /// The second line of the heading.
    pub(in super::super) note: &'a str,
    /// The requests that arrived in each bin.
    pub(in super::super) arrivals: &'a [u32],
    /// The requests that were admitted in each bin.
    pub(in super::super) admissions: &'a [u32],
    pub(in super::super) axes: PanelAxes,
}

impl Panel<'_> {
    /// Returns the panel as a picture whose text alternative is `description`.
    pub(in super::super) fn svg(&self, moving: &Moving, description: &str) -> Markup {
        html! {
            svg.panel viewBox={ "0 0 " (PANEL_WIDTH) " " (PANEL_HEIGHT) } role="img"
                data-m=[moving.names("aria-label")] aria-label=(moving.value(description)) {
                (self.contents(moving))
            }
        }
    }

    /// Returns what is in the picture.
    pub(in super::super) fn contents(&self, moving: &Moving) -> Markup {
        html! {
            (self.heading(moving))
            (self.axes.grid())
            (self.areas(moving))
            (self.axes.marks())
        }
    }

    /// The name of a rule within a library has a line of its own.
    fn heading(&self, moving: &Moving) -> Markup {
        let (library, rule) = self.title.split_once(", ").unwrap_or((self.title, ""));
        html! {
            text.title y="12" { (library) }
            @if !rule.is_empty() { text.title y="26" { (rule) } }
            text.note y=(if rule.is_empty() { "26" } else { "40" }) data-m=[moving.names("text")] {
                (moving.value(self.note))
            }
        }
    }

    /// The bins are as wide as the plot, however many there are.
    fn areas(&self, moving: &Moving) -> Markup {
        html! {
            svg x=(LEFT) y=(TOP) width=(PLOT_WIDTH) height=(PLOT_HEIGHT) preserveAspectRatio="none"
                viewBox={ "0 0 " (self.arrivals.len()) " " (steps::HEIGHT) } {
                path.arrived data-m=[moving.names("d")] d=(moving.value(self.outline(self.arrivals))) {}
                path.admitted data-m=[moving.names("d")] d=(moving.value(self.outline(self.admissions))) {}
            }
        }
    }

    fn outline(&self, bins: &[u32]) -> String {
        let share = |requests: &u32| self.axes.requests.share(f64::from(*requests));
        steps::outline(&bins.iter().map(share).collect::<Vec<_>>())
    }
}

impl PanelAxes {
    fn grid(self) -> Markup {
        html! {
            @for tick in self.requests.ticks(2) {
                @let y = coordinate(TOP + PLOT_HEIGHT * (1.0 - self.requests.share(tick.value)));
                path.grid d={ "M" (LEFT) " " (y) "h" (PLOT_WIDTH) } {}
                text.tick x=(LEFT - 4.0) y=(y) text-anchor="end" dy="3.5" { (tick.label) }
            }
        }
    }

    fn marks(self) -> Markup {
        let scale = Scale::Linear(self.seconds);
        let base = TOP + PLOT_HEIGHT;
        html! {
            path.axis d={ "M" (LEFT) " " (base) "h" (PLOT_WIDTH) } {}
            @for tick in scale.ticks(3) {
                @let x = coordinate(LEFT + PLOT_WIDTH * scale.share(tick.value));
                path.axis d={ "M" (x) " " (base) "v3" } {}
                text.tick x=(x) y=(base + 14.0) text-anchor=(anchor(tick.value, self.seconds)) {
                    (tick.label) @if tick.value == 0.0 { " s" }
                }
            }
        }
    }
}

/// Keeps the first and the last label within the picture.
fn anchor(value: f64, max: f64) -> &'static str {
    match value {
        0.0 => "start",
        v if v > 0.94 * max => "end",
        _ => "middle",
    }
}
