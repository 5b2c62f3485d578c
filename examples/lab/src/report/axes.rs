//! The axes of the plots. They fit all quotas, so that a plot moves and its axis
//! does not.

use super::draw::{PanelAxes, Scale};
use crate::results::{Cell, Figures, Results, Traffic};

/// An axis is linear if it is at most so many times as long as the lowest peak of
/// admissions in the first drawing is high. A longer one would flatten them.
const LINEAR_UP_TO: f64 = 30.0;

/// The axes of all plots of simulated figures.
#[derive(Clone, Debug)]
pub(super) struct Axes {
    /// Requests over time, for each traffic.
    pub(super) panels: Vec<PanelAxes>,
    /// The most that passed in a period, as a multiple of the amount.
    pub(super) excess: Scale,
    /// Seconds that a request waited.
    pub(super) wait: Scale,
    /// The variation of gaps.
    pub(super) variation: Scale,
}

impl Axes {
    /// Returns axes that fit all results.
    pub(super) fn new(results: &Results) -> Self {
        let traffic = results.traffic.iter().enumerate();
        Self {
            panels: traffic
                .map(|(index, traffic)| panel(results, index, traffic))
                .collect(),
            excess: Scale::Linear(largest_excess(results)),
            wait: Scale::Linear(largest(results, seconds_p99)),
            variation: Scale::Linear(largest(results, |figures| {
                figures.gap_variation.unwrap_or(0.0)
            })),
        }
    }
}

/// Returns the seconds that 99 of 100 requests waited at most.
pub(super) fn seconds_p99(figures: &Figures) -> f64 {
    figures.waits.map_or(0.0, |waits| waits.p99_us as f64 / 1e6)
}

fn panel(results: &Results, traffic: usize, about: &Traffic) -> PanelAxes {
    let figures = || of_traffic(results, &results.grid.cells, traffic);
    let arrivals = peak(figures().flat_map(|figures| &figures.arrivals));
    let admissions = peak(figures().flat_map(|figures| &figures.admissions));
    let max = arrivals.max(admissions);
    let drawn = of_traffic(results, std::slice::from_ref(results.base()), traffic);
    let lowest = drawn
        .map(|figures| peak(figures.admissions.iter()))
        .fold(max, f64::min);
    let flat = max > LINEAR_UP_TO * lowest;
    PanelAxes {
        seconds: about.duration_us as f64 / 1e6,
        requests: if flat {
            Scale::Logarithmic(max)
        } else {
            Scale::Linear(max)
        },
    }
}

fn of_traffic<'a>(
    results: &Results,
    cells: &'a [Cell],
    traffic: usize,
) -> impl Iterator<Item = &'a Figures> {
    let rules = results.rules.len();
    cells
        .iter()
        .flat_map(move |cell| &cell.figures[traffic * rules..(traffic + 1) * rules])
}

fn peak<'a>(bins: impl Iterator<Item = &'a u32>) -> f64 {
    f64::from(bins.copied().max().unwrap_or(0))
}

fn largest(results: &Results, value: impl Fn(&Figures) -> f64) -> f64 {
    let figures = results.grid.cells.iter().flat_map(|cell| &cell.figures);
    figures.map(value).fold(0.0, f64::max)
}

fn largest_excess(results: &Results) -> f64 {
    let grid = &results.grid;
    let rows = grid
        .amounts
        .iter()
        .zip(grid.cells.chunks(grid.bursts.len().max(1)));
    let excess = rows.flat_map(|(amount, cells)| {
        let figures = cells.iter().flat_map(|cell| &cell.figures);
        figures.map(move |figures| figures.most_in_period as f64 / *amount as f64)
    });
    excess.fold(1.0, f64::max)
}
