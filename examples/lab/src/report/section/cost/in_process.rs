//! Time and memory of decisions in the process.

use maud::{Markup, html};

use super::{
    super::figure::Figure,
    costs::{Cost, ranking},
};
use crate::report::{
    draw::{Bar, Bars, Scale},
    moving::Moving,
    number::{SPACE, significant},
};

/// A cost that a plot shows.
struct Measure {
    title: &'static str,
    about: &'static str,
    value: fn(&Cost<'_>) -> f64,
    text: fn(f64) -> String,
}

/// Returns the card of nanoseconds.
pub(super) fn time(costs: &[Cost<'_>]) -> Markup {
    let measure = Measure {
        title: "Latency in the process",
        about: "Nanoseconds for a decision, with 1,000 keys.",
        value: |cost| cost.in_process.ns_per_decision,
        text: |value| format!("{}{SPACE}ns", significant(value)),
    };
    measure.card(costs)
}

/// Returns the card of bytes.
pub(super) fn memory(costs: &[Cost<'_>]) -> Markup {
    let measure = Measure {
        title: "Memory in the process",
        about: "Bytes for a key whose bucket is full.",
        value: |cost| cost.in_process.bytes_per_key,
        text: |value| format!("{}{SPACE}bytes", significant(value)),
    };
    measure.card(costs)
}

impl Measure {
    fn card(&self, costs: &[Cost<'_>]) -> Markup {
        Figure {
            title: self.title,
            about: html! { (self.about) },
            plot: self.bars(costs).svg(&Moving::still()),
            sentence: html! { (ranking(costs, self.value, self.text)) },
            table: None,
        }
        .card()
    }

    fn bars(&self, costs: &[Cost<'_>]) -> Bars {
        let bar = |cost: &Cost<'_>| Bar {
            name: cost.rule.label(),
            value: (self.value)(cost),
            text: (self.text)((self.value)(cost)),
        };
        let max = costs.iter().map(self.value).fold(0.0, f64::max);
        Bars {
            rows: costs.iter().map(bar).collect(),
            scale: Scale::Linear(max),
            reference: None,
        }
    }
}
