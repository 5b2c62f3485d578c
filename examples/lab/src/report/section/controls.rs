//! The sliders for the quota.

use maud::{Markup, html};

use crate::report::{
    number::{count, time},
    view::View,
};

/// Returns the sliders. They stay hidden without the script that listens to them.
pub(in crate::report) fn controls(view: View<'_>) -> Markup {
    let grid = &view.results.grid;
    let period = time(grid.period_us);
    html! {
        form.controls #controls hidden aria-label="Quota" autocomplete="off" {
            (slider(view, "amount", &format!("Amount in {period}"), view.amount, grid.amounts.len(), grid.base.amount))
            (slider(view, "burst", "Burst", view.burst, grid.bursts.len(), grid.base.burst))
            p.quota role="status" { "Quota: " (view.moving.text(view.cell.quota.as_str())) }
        }
        p.still { "Quota: " (view.moving.text(view.cell.quota.as_str())) }
    }
}

fn slider(view: View<'_>, id: &str, label: &str, value: u64, places: usize, base: usize) -> Markup {
    html! {
        div.slider {
            label for=(id) { (label) }
            output for=(id) data-m=[view.moving.names("text")] { (view.moving.value(count(value))) }
            input id=(id) type="range" min="0" max=(places.saturating_sub(1)) step="1" value=(base)
                data-m=[view.moving.names("aria-valuetext")] aria-valuetext=(view.moving.value(count(value)));
        }
    }
}
