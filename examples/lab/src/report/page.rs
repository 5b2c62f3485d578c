//! The page as a whole.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::{axes::Axes, cells::cells, draw, moving::Moving, number::time, section, view::View};
use crate::results::{Measured, Results};

/// Forbids the page to load anything.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; \
                      base-uri 'none'; form-action 'none'";

/// Returns the report as an HTML document. Without `measured`, it depends on
/// `results` alone.
///
/// # Panics
///
/// If `results` is incomplete: if its grid lacks a cell, or a cell the figures of a
/// traffic under a rule.
pub fn page(results: &Results, measured: Option<&Measured>) -> String {
    let axes = Axes::new(results);
    let draw = |cell| drawing(results, measured, &axes, cell);
    let grid = &results.grid;
    let base = grid.base.amount * grid.bursts.len() + grid.base.burst;
    let (contents, values): (Vec<_>, Vec<_>) = (0..grid.cells.len()).map(draw).unzip();
    let data = cells(base, grid.bursts.len(), &values);
    document(&contents[base], &data).into_string()
}

/// Returns the contents of the page under one quota, and what moves in them.
fn drawing(
    results: &Results,
    measured: Option<&Measured>,
    axes: &Axes,
    cell: usize,
) -> (Markup, Vec<String>) {
    let moving = Moving::collect();
    let grid = &results.grid;
    let view = View {
        results,
        measured,
        axes,
        moving: &moving,
        cell: &grid.cells[cell],
        amount: grid.amounts[cell / grid.bursts.len()],
        burst: grid.bursts[cell % grid.bursts.len()],
    };
    let contents = contents(view);
    (contents, moving.into_values())
}

fn document(contents: &Markup, data: &str) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="description" content="Rate limiters compared on the same traffic";
                title { "Which rate limiter?" }
                link rel="icon" href="data:,";
                style { (PreEscaped(include_str!("plot.css"))) (PreEscaped(include_str!("page.css"))) }
            }
            body {
                (contents)
                script #cells type="application/json" { (PreEscaped(data)) }
                script { (PreEscaped(include_str!("page.js"))) }
            }
        }
    }
}

fn contents(view: View<'_>) -> Markup {
    html! {
        a.skip href="#main" { "Skip to the answer" }
        svg width="0" height="0" aria-hidden="true" style="position:absolute" { defs { (draw::hatch()) } }
        header { (opening(view)) }
        main #main {
            (section::choice(view))
            (section::controls(view))
            (section::admissions(view))
            (comparison(view))
            (section::cost(view))
            (section::rules(view))
        }
        footer { p { "Made by " code { (view.results.command) } ". The figures are in " code { "results.json" } "."
            @if view.measured.is_some() { " What was measured is in " code { "measured.json" } "." } } }
    }
}

fn opening(view: View<'_>) -> Markup {
    let results = view.results;
    html! {
        h1 { "Which rate limiter?" }
        p.lead { (results.rules.len()) " rules and peers, " (results.traffic.len()) " patterns of traffic, in virtual
            time. A quota is an amount of requests in " (time(results.grid.period_us)) " and a burst; the sliders
            choose both." }
        nav aria-label="Contents" {
            ul {
                li { a href="#choice" { "Which one should I use?" } }
                li { a href="#admissions" { "What passes" } }
                li { a href="#comparison" { "Rule by rule" } }
                @if view.measured.is_some() { li { a href="#cost" { "What it costs" } } }
                li { a href="#rules" { "The rules" } }
            }
        }
    }
}

fn comparison(view: View<'_>) -> Markup {
    html! {
        section #comparison {
            h2 { "Rule by rule, at its worst" }
            div.cards {
                (section::excess(view))
                (section::waiting(view))
                (section::smoothness(view))
                (section::fairness(view))
            }
        }
    }
}
