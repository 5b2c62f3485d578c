//! Plots as SVG files, for documents that are no pages of their own.

use maud::{Markup, PreEscaped, html};

use super::{
    axes::Axes,
    draw::{self, PANEL_HEIGHT, PANEL_WIDTH, Panel, ROW_WIDTH},
    moving::Moving,
    section,
    view::View,
};
use crate::results::Results;

/// The panels in a row of a picture.
const COLUMNS: usize = 4;
const GAP: f64 = 20.0;

/// A plot as an SVG file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The name of the file: `admissions-turn.svg`.
    pub name: String,
    /// The contents of the file.
    pub svg: String,
}

/// Returns the plots of the quota that the report begins with: arrivals against
/// admissions for each traffic, and the most that passes in a period.
///
/// # Panics
///
/// If `results` is incomplete, as [`page`](super::page) says.
pub fn pictures(results: &Results) -> Vec<Picture> {
    let (axes, moving, base) = (Axes::new(results), Moving::still(), results.grid.base);
    let view = View {
        results,
        measured: None,
        axes: &axes,
        moving: &moving,
        cell: results.base(),
        amount: results.grid.amounts[base.amount],
        burst: results.grid.bursts[base.burst],
    };
    let traffic = 0..results.traffic.len();
    traffic
        .map(|traffic| admissions(view, traffic))
        .chain([excess(view)])
        .collect()
}

fn admissions(view: View<'_>, traffic: usize) -> Picture {
    let outcomes = view.of_traffic(traffic);
    let about = &view.results.traffic[traffic];
    let rows = outcomes.len().div_ceil(COLUMNS) as f64;
    let columns = COLUMNS as f64;
    let (width, height) = (
        columns * (PANEL_WIDTH + GAP) - GAP,
        rows * (PANEL_HEIGHT + GAP) - GAP,
    );
    let contents = html! {
        @for (place, outcome) in outcomes.iter().enumerate() {
            g transform={ "translate(" (column(place)) " " (row(place)) ")" } {
                (Panel {
                    title: &outcome.rule.label(),
                    note: &section::note(outcome.figures),
                    arrivals: &outcome.figures.arrivals,
                    admissions: &outcome.figures.admissions,
                    axes: view.axes.panels[traffic],
                }.contents(view.moving))
            }
        }
    };
    let description = format!(
        "{}, quota {}. {}",
        about.title,
        view.cell.quota,
        section::sentence(view, &outcomes)
    );
    Picture {
        name: format!("admissions-{}.svg", about.id),
        svg: file(width, height, &description, &contents),
    }
}

fn column(place: usize) -> f64 {
    (place % COLUMNS) as f64 * (PANEL_WIDTH + GAP)
}

fn row(place: usize) -> f64 {
    (place / COLUMNS) as f64 * (PANEL_HEIGHT + GAP)
}

fn excess(view: View<'_>) -> Picture {
    let outcomes = view.extremes(section::most);
    let bars = section::bars(view, &outcomes);
    let description = format!(
        "The most that passes in a period, quota {}.",
        view.cell.quota
    );
    let svg = file(
        ROW_WIDTH,
        bars.height(),
        &description,
        &bars.contents(view.moving),
    );
    Picture {
        name: "excess.svg".into(),
        svg,
    }
}

/// Returns a file with a ground of its own, because it may be shown on a dark page to
/// a reader whose system is light, and the other way round.
fn file(width: f64, height: f64, description: &str, contents: &Markup) -> String {
    let (outer_width, outer_height) = (width + 2.0 * GAP, height + 2.0 * GAP);
    let markup = html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 " (outer_width) " " (outer_height) }
            width=(outer_width) height=(outer_height) role="img" aria-label=(description) {
            style { (PreEscaped(include_str!("plot.css"))) }
            defs { (draw::hatch()) }
            rect.paper width=(outer_width) height=(outer_height) rx="6" {}
            g transform={ "translate(" (GAP) " " (GAP) ")" } { (contents) }
        }
    };
    markup.into_string() + "\n"
}
