//! The time of decisions in Redis.

use maud::{Markup, html};

use super::{
    super::figure::Figure,
    costs::{Cost, ranking},
};
use crate::{
    report::{
        draw::{Dumbbell, Dumbbells, Scale},
        moving::Moving,
        number::{SPACE, significant},
    },
    results::{InRedis, Rule},
};

/// Returns the card of microseconds; nothing without a server.
pub(super) fn time(costs: &[Cost<'_>]) -> Markup {
    let costs: Vec<_> = costs
        .iter()
        .copied()
        .filter(|cost| cost.in_redis.is_some())
        .collect();
    html! { @if !costs.is_empty() { (card(&costs)) } }
}

fn card(costs: &[Cost<'_>]) -> Markup {
    Figure {
        title: "Latency in Redis",
        about: html! { "Microseconds for a decision, with one caller. Circle: half of the decisions took at most so
            long (p50). Diamond: 99 of 100 did (p99)." },
        plot: dumbbells(costs).svg(&Moving::still()),
        sentence: html! { "For 99 of 100 decisions. " (ranking(costs, p99, microseconds)) },
        table: None,
    }
    .card()
}

fn dumbbells(costs: &[Cost<'_>]) -> Dumbbells {
    let max = costs.iter().map(p99).fold(0.0, f64::max);
    let rows = costs
        .iter()
        .filter_map(|cost| Some(dumbbell(cost.rule, cost.in_redis?)));
    Dumbbells {
        rows: rows.collect(),
        scale: Scale::Linear(max),
    }
}

fn dumbbell(rule: &Rule, costs: InRedis) -> Dumbbell {
    Dumbbell {
        name: rule.label(),
        low: costs.p50_us,
        high: costs.p99_us,
        text: format!(
            "{} – {}",
            significant(costs.p50_us),
            microseconds(costs.p99_us)
        ),
    }
}

fn p99(cost: &Cost<'_>) -> f64 {
    cost.in_redis.map_or(0.0, |costs| costs.p99_us)
}

fn microseconds(us: f64) -> String {
    format!("{}{SPACE}µs", significant(us))
}
